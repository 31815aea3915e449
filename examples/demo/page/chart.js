// @ts-check
/**
 * A live bar chart of the last minute on a canvas, a bar for each second: received above the line, sent below it.
 * Knows neither the connection nor what is counted.
 */

const SECONDS = 60;
// Room for the labels, in CSS pixels.
const ABOVE = 7;
const BELOW = 17;
const stillWanted = matchMedia('(prefers-reduced-motion: reduce)');

/** @typedef {'received' | 'sent'} Direction */

export class TrafficChart {
  #canvas;
  #format;
  #smallestScale;
  #scale;
  /**
   * What was counted in each second, by the second's number.
   * @type {Map<number, { received: number, sent: number }>}
   */
  #seconds = new Map();

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{ format: (amount: number) => string, smallestScale: number }} options how amounts are written, and the
   *   amount that the chart is high when there is little to show
   */
  constructor(canvas, { format, smallestScale }) {
    this.#canvas = canvas;
    this.#format = format;
    this.#smallestScale = smallestScale;
    this.#scale = smallestScale;
    this.#drawAndGoOn();
  }

  /**
   * @param {Direction} direction
   * @param {number} amount
   */
  add(direction, amount) {
    const second = Math.floor(now());
    const counted = this.#seconds.get(second) ?? { received: 0, sent: 0 };
    counted[direction] += amount;
    this.#seconds.set(second, counted);
  }

  /** What was counted in the last whole second. */
  get lastSecond() {
    return this.#seconds.get(Math.floor(now()) - 1) ?? { received: 0, sent: 0 };
  }

  #drawAndGoOn = () => {
    this.#draw();
    if (stillWanted.matches) setTimeout(this.#drawAndGoOn, 1000);
    else requestAnimationFrame(this.#drawAndGoOn);
  };

  #draw() {
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    const time = stillWanted.matches ? Math.floor(now()) : now();
    for (const second of this.#seconds.keys()) if (second < time - SECONDS - 1) this.#seconds.delete(second);

    const { width, height } = this.#fit(context);
    const style = getComputedStyle(this.#canvas);
    const room = Math.floor((height - ABOVE - BELOW) / 2);
    const middle = ABOVE + room;
    this.#updateScale();

    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue('--line');
    for (const y of [middle - room, middle + room]) context.fillRect(0, y, width, 1);

    const step = width / SECONDS;
    for (const [second, counted] of this.#seconds) {
      const x = width - (time - second) * step;
      const [up, down] = [(-counted.received / this.#scale) * room, (counted.sent / this.#scale) * room];
      this.#bar(context, x, step, middle, up, style.getPropertyValue('--received'));
      this.#bar(context, x, step, middle + 1, down, style.getPropertyValue('--sent'));
    }

    context.fillStyle = style.getPropertyValue('--dim');
    context.fillRect(0, middle, width, 1);
    this.#labels(context, style, width, height);
  }

  /** Gives the canvas as many pixels as the screen has for it, and draws in CSS pixels. */
  #fit(/** @type {CanvasRenderingContext2D} */ context) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }

  /** Moves the scale towards the round amount above the highest bar, a little with each picture. */
  #updateScale() {
    let highest = this.#smallestScale;
    for (const { received, sent } of this.#seconds.values()) highest = Math.max(highest, received, sent);
    const wanted = roundedUp(highest);
    this.#scale = stillWanted.matches ? wanted : this.#scale + (wanted - this.#scale) * 0.15;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} x
   * @param {number} step
   * @param {number} from
   * @param {number} height negative: upwards
   * @param {string} colour
   */
  #bar(context, x, step, from, height, colour) {
    if (height === 0) return;
    const visible = Math.sign(height) * Math.max(Math.abs(height), 2);
    const radius = Math.min(2, step / 3);
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x + 0.5, from, step - 1.5, visible, height < 0 ? [radius, radius, 0, 0] : [0, 0, radius, radius]);
    context.fill();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {CSSStyleDeclaration} style
   * @param {number} width
   * @param {number} height
   */
  #labels(context, style, width, height) {
    context.font = `11px ${style.fontFamily}`;
    const scale = this.#format(roundedUp(this.#scale * 0.98));
    // A patch of the panel's colour, so that the scale is read over the bars.
    context.fillStyle = style.getPropertyValue('--panel');
    context.fillRect(0, 0, context.measureText(scale).width + 8, 14);
    context.fillStyle = style.getPropertyValue('--dim');
    context.textBaseline = 'top';
    context.fillText(scale, 0, 1);
    context.textBaseline = 'bottom';
    context.fillText('a minute ago', 0, height);
    context.textAlign = 'right';
    context.fillText('now', width, height);
    context.textAlign = 'left';
  }
}

function now() {
  return Date.now() / 1000;
}

/**
 * The next of 1, 2, 5, 10, 20, 50, …
 * @param {number} amount
 */
function roundedUp(amount) {
  const power = 10 ** Math.floor(Math.log10(amount));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= amount) ?? 10);
}
