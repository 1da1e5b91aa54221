// The plot of an exploration run: states, steps and time over the size of the machine, below one another.
import { stackedPlots } from '../plot.ts';
import type { Line, Plot } from '../plot.ts';
import { summarise } from '../statistics.ts';
import type { Summary } from '../statistics.ts';
import type { Exploration, GrowthPoint, MeasuredPoint } from './bench.ts';

export function explorationPlot({ growth, limit, rounds }: Exploration): string {
  const plot = (title: string, y: string, value: (point: MeasuredPoint) => Summary): Plot => ({
    lines: growth.map(({ name, points }): Line => ({
      name,
      points: points.flatMap(({ x, explored }) => (finished(explored) ? [{ x, y: value(explored) }] : [])),
      unfinished: points.flatMap(({ x, explored }) => ('impossible' in explored || finished(explored) ? [] : [x])),
    })),
    text: { title, x: `how many; △: not finished in ${limit} s, no value`, y, logarithmic: true },
  });
  return stackedPlots([
    plot('States', 'remembered by the search', ({ states }) => summarise([states])),
    plot('Steps', 'of the last round of the search', ({ steps }) => summarise([steps])),
    plot('Time to verdict', `processor seconds: median of ${rounds}, and half of the runs`, ({ cpu }) => cpu),
  ]);
}

function finished(explored: GrowthPoint['explored']): explored is MeasuredPoint {
  return !('impossible' in explored) && explored.limit === null;
}
