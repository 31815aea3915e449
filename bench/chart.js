/** The charts, drawn by ECharts as SVG that can be read on a light page and on a dark one. */
import * as echarts from 'echarts';
import { measuresOf } from './scenarios.js';
import { median } from './statistics.js';
import { ratiosOf } from './table.js';

const WIDTH = 860;
/** Strong enough on white and on black. */
const COLOURS = { ws: '#2f81f7', 'ws+addons': '#8f6fe8', undici: '#d9822b', node: '#c9510c' };
const SHOWN = ['ws', 'ws+addons', 'undici'];
const TEXT = '#7d8590';
const LINE = '#7d859055';

/**
 * How many times less Watershed takes than others, scenario by scenario.
 * @param {{ scenario: import('./scenarios.js').Scenario, turns: Map<string, Record<string, number>[]> }[]} results
 * @param {string} version  of Node
 */
export function drawComparison(results, version) {
  const rows = results.filter(({ scenario, turns }) => (
    // What a kept message holds is next to nothing in some: no ratio is to be had of it.
    scenario.flow !== 'kept' && SHOWN.some((name) => turns.has(name))
  ));
  const series = SHOWN.filter((name) => rows.some(({ turns }) => turns.has(name))).map((name) => ({
    name: `than ${name}`,
    type: 'bar',
    barMaxWidth: 10,
    itemStyle: { color: COLOURS[name] },
    label: { show: true, position: 'right', color: TEXT, fontSize: 10, formatter: ({ data }) => data[0].toFixed(1) },
    markLine: name === 'ws'
      ? {
          symbol: 'none', silent: true, label: { show: false },
          lineStyle: { color: TEXT, type: 'solid' }, data: [{ xAxis: 1 }],
        }
      : undefined,
    data: rows.map(({ scenario, turns }, row) => (
      turns.has(name) ? [median(ratiosOf(turns, name, measuresOf(scenario)[0])), row] : ['-', row]
    )),
  }));
  return draw(140 + rows.length * 34, {
    title: title(`How many times less processor time or memory Watershed takes (Node ${version})`),
    legend: { top: 34, left: 10, textStyle: { color: TEXT } },
    grid: { left: 180, right: 50, top: 70, bottom: 40 },
    xAxis: { ...axis('times less, logarithmic'), type: 'log', logBase: 2 },
    yAxis: {
      type: 'category', inverse: true, data: rows.map(({ scenario }) => scenario.name),
      axisLabel: { color: TEXT }, axisLine: { lineStyle: { color: LINE } }, axisTick: { show: false },
    },
    series,
  });
}

/**
 * Panels of lines, one below the other, both axes logarithmic.
 * @param {string} text
 * @param {{ name: string, unit: string, lines: Record<string, [number, number][]> }[]} panels
 */
export function drawGrowth(text, panels) {
  const height = 260;
  const place = (index) => ({ left: 70, right: 50, top: 90 + index * height, height: height - 90 });
  return draw(70 + panels.length * height, {
    title: title(text),
    legend: { top: 34, left: 10, textStyle: { color: TEXT } },
    grid: panels.map((_, index) => place(index)),
    xAxis: panels.map(({ name }, gridIndex) => ({ ...axis(name), type: 'log', gridIndex })),
    yAxis: panels.map(({ unit }, gridIndex) => ({
      ...axis(unit), nameLocation: 'end', nameGap: 8, type: 'log', gridIndex,
    })),
    series: panels.flatMap(({ lines }, index) => Object.entries(lines).map(([name, data]) => ({
      name, type: 'line', data, xAxisIndex: index, yAxisIndex: index, symbolSize: 5,
      itemStyle: { color: name === 'watershed' ? '#1a9e5c' : COLOURS[name] },
    }))),
  });
}

function title(text) {
  return { text, left: 10, top: 6, textStyle: { color: TEXT, fontSize: 15 } };
}

function axis(name) {
  return {
    name,
    nameLocation: 'middle',
    nameGap: 26,
    nameTextStyle: { color: TEXT },
    axisLabel: { color: TEXT },
    axisLine: { lineStyle: { color: LINE } },
    splitLine: { lineStyle: { color: LINE } },
  };
}

function draw(height, option) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: 'transparent', ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
