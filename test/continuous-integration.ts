/** Whether `CI` is set: what a test needs and does not find is an error then. */
export function isContinuousIntegration(): boolean {
  const value = process.env['CI'] ?? '';
  return value !== '' && value !== 'false' && value !== '0';
}
