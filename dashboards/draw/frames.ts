// From what Prometheus answered to what Grafana's panels draw: data frames with the settings of the dashboard.

import {
  applyNullInsertThreshold,
  createTheme,
  DataFrame,
  Field,
  FieldType,
  getDisplayProcessor,
  GrafanaTheme2,
} from '@grafana/data';

export interface Series {
  labels: Record<string, string>;
  points: Array<[number, number | null]>;
}

export interface Answer {
  refId: string;
  series: Series[];
}

// types.mjs holds dashboards against their types.
export type Panel = any;

export const theme: GrafanaTheme2 = createTheme({ colors: { mode: 'dark' } });

/** `{{label}}` in a legend stands for a label. */
function legend(pattern: string, labels: Record<string, string>): string {
  return pattern.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

/** The settings of one field: the panel's, and what overrides them for a name. */
function settings(panel: Panel, name: string) {
  const config = structuredClone(panel.fieldConfig.defaults);
  for (const override of panel.fieldConfig.overrides) {
    if (override.matcher.id === 'byName' && override.matcher.options === name) {
      for (const { id, value } of override.properties) {
        config[id] = value;
      }
    }
  }
  return config;
}

/** One frame for each series. */
export function frames(panel: Panel, answers: Answer[]): DataFrame[] {
  const found: DataFrame[] = [];
  for (const answer of answers) {
    const target = panel.targets.find((one: Panel) => one.refId === answer.refId);
    for (const series of answer.series) {
      const name = legend(target.legendFormat, series.labels);
      const config = { ...settings(panel, name), displayNameFromDS: name };
      const value: Field = {
        name: 'Value',
        type: FieldType.number,
        config,
        labels: series.labels,
        values: series.points.map(([, number]) => number),
        state: { seriesIndex: found.length, displayName: name },
      };
      value.display = getDisplayProcessor({ field: value, theme });
      const time: Field = {
        name: 'Time',
        type: FieldType.time,
        config: { interval: 1000 },
        values: series.points.map(([seconds]) => seconds * 1000),
      };
      const frame = { refId: answer.refId, name, fields: [time, value], length: series.points.length };
      // A gap in what Prometheus has is a gap in the line.
      found.push(applyNullInsertThreshold({ frame, refFieldName: 'Time' }));
    }
  }
  return found;
}

/** The number of a panel that shows one, ready to be drawn. */
export function single(panel: Panel, answers: Answer[]) {
  const points = answers.flatMap((answer) => answer.series).flatMap((series) => series.points);
  const number = points.at(-1)?.[1] ?? null;
  const field: Field = { name: 'Value', type: FieldType.number, config: panel.fieldConfig.defaults, values: [number] };
  return getDisplayProcessor({ field, theme })(number);
}

/** Labels as columns, as the panel's transformations choose and name them. */
export function table(panel: Panel, answers: Answer[]): DataFrame {
  const shown: string[] = panel.transformations[0].options.include.names;
  const names: Record<string, string> = panel.transformations[1].options.renameByName;
  const rows = answers.flatMap((answer) => answer.series);
  const fields = shown.map((label): Field => {
    const field: Field = {
      name: names[label],
      type: FieldType.string,
      config: { custom: { align: 'left', cellOptions: { type: 'auto' } } },
      values: rows.map((row) => row.labels[label] ?? ''),
    };
    field.display = getDisplayProcessor({ field, theme });
    return field;
  });
  return { fields, length: rows.length };
}
