// A dashboard as a page: Grafana's own panels at their places. The frame around them is ours.

import { createRoot } from 'react-dom/client';
import { useLayoutEffect, type ReactNode } from 'react';
import { dateTime, ThemeContext, type DataFrame, type TimeRange } from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';

import { frames, single, table, theme, type Answer, type Panel, type Series } from './frames';

interface Mark {
  name: string;
  series: Series[];
}

interface Drawing {
  dashboard: Panel;
  answers: { panels: Record<string, Answer[]>; annotations: Mark[] };
  from: number;
  to: number;
  caption: string;
}

const drawing: Drawing = JSON.parse(document.getElementById('drawing')!.textContent!);
const { dashboard, answers } = drawing;

const WIDTH = 1600;
const GAP = 8;
const COLUMN = (WIDTH - GAP) / 24;
const LINE = 38;
const HEAD = 92;

const range: TimeRange = {
  from: dateTime(drawing.from * 1000),
  to: dateTime(drawing.to * 1000),
  raw: { from: dateTime(drawing.from * 1000), to: dateTime(drawing.to * 1000) },
};

/** When something was marked, in milliseconds, with its colour. */
function marks(): Array<{ at: number; colour: string }> {
  return answers.annotations.flatMap((mark) => {
    const { useValueForTime, iconColor } = dashboard.annotations.list.find((one: Panel) => one.name === mark.name);
    const points = mark.series.flatMap((series) => series.points).filter(([, value]) => (value ?? 0) > 0);
    const times = points.map(([seconds, value]) => (useValueForTime ? Math.floor(value!) : seconds * 1000));
    const first = useValueForTime ? [...new Set(times)] : times.filter((at) => !times.includes(at - 1000));
    const inside = first.filter((at) => at >= drawing.from * 1000 && at <= drawing.to * 1000);
    return inside.map((at) => ({ at, colour: theme.visualization.getColorByName(iconColor) }));
  });
}

/** Dashed lines where something was marked. */
function Marks({ config }: { config: UPlotConfigBuilder }) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.setLineDash([4, 4]);
      for (const { at, colour } of marks()) {
        const x = Math.round(plot.valToPos(at, 'x', true));
        ctx.strokeStyle = colour;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    });
  }, [config]);
  return null;
}

function Content({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const answer = answers.panels[panel.id] ?? [];
  if (panel.type === 'stat') {
    const { colorMode, graphMode, justifyMode, textMode } = panel.options;
    const shape = { colorMode, graphMode, justifyMode, textMode: textMode === 'auto' ? 'value' : textMode };
    return <BigValue theme={theme} width={width} height={height} value={single(panel, answer)} {...shape} />;
  }
  if (panel.type === 'table') {
    const data = table(panel, answer);
    return data.length > 0 ? <Lines data={data} /> : <Nothing />;
  }
  const data = frames(panel, answer);
  if (data.length === 0) {
    return <Nothing />;
  }
  return (
    <TimeSeries
      frames={data}
      timeRange={range}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
      options={panel.options}
    >
      {(config: UPlotConfigBuilder) => <Marks config={config} />}
    </TimeSeries>
  );
}

/** A table. Grafana's own does not bundle without its server's loader. */
function Lines({ data }: { data: DataFrame }) {
  const cell = { textAlign: 'left', padding: '5px 8px', borderBottom: `1px solid ${theme.colors.border.weak}` } as const;
  return (
    <table style={{ width: '100%', fontSize: 13 }}>
      <tbody>
        <tr style={{ color: theme.colors.text.link }}>
          {data.fields.map((field) => (
            <th key={field.name} style={cell}>
              {field.name}
            </th>
          ))}
        </tr>
        {Array.from({ length: data.length }, (_, line) => (
          <tr key={line}>
            {data.fields.map((field) => (
              <td key={field.name} style={cell}>
                {field.values[line]}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Nothing() {
  return <div style={{ color: theme.colors.text.secondary, padding: 16, textAlign: 'center' }}>No data</div>;
}

function At({ place, children }: { place: Panel; children: (width: number, height: number) => ReactNode }) {
  const width = Math.round(place.w * COLUMN) - GAP;
  const height = place.h * LINE - GAP;
  const style = { position: 'absolute', left: Math.round(GAP + place.x * COLUMN), top: HEAD + place.y * LINE } as const;
  return <div style={{ ...style, width, height }}>{children(width, height)}</div>;
}

function Head() {
  const quiet = { color: theme.colors.text.secondary };
  const box = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, padding: '3px 8px', marginRight: 8 };
  const variables = dashboard.templating.list.map((one: Panel) => (
    <span key={one.name} style={box}>
      {one.label} <span style={quiet}>{one.type === 'datasource' ? 'Prometheus' : 'All'}</span>
    </span>
  ));
  const keys = dashboard.annotations.list.slice(1).map((one: Panel) => (
    <span key={one.name} style={{ marginRight: 12 }}>
      <span style={{ color: theme.visualization.getColorByName(one.iconColor) }}>┆</span> {one.name}
    </span>
  ));
  const links = dashboard.links.map((one: Panel) => one.title).join('   ');
  return (
    <div style={{ position: 'absolute', left: GAP, right: GAP, top: 0, fontSize: 13 }}>
      <div style={{ display: 'flex', justifyContent: 'space-between', alignItems: 'baseline', padding: '10px 4px' }}>
        <span style={{ fontSize: 20 }}>{dashboard.title}</span>
        <span style={quiet}>{drawing.caption}</span>
      </div>
      <div style={{ display: 'flex', justifyContent: 'space-between', whiteSpace: 'pre' }}>
        <span>{variables}</span>
        <span style={quiet}>{keys}</span>
        <span style={quiet}>{links}</span>
      </div>
    </div>
  );
}

function Page() {
  const bottom = Math.max(...dashboard.panels.map((panel: Panel) => panel.gridPos.y + panel.gridPos.h));
  return (
    <div style={{ position: 'relative', width: WIDTH, height: HEAD + bottom * LINE + GAP }}>
      <Head />
      {dashboard.panels.map((panel: Panel) => (
        <At key={panel.id} place={panel.gridPos}>
          {(width, height) =>
            panel.type === 'row' ? (
              <div style={{ fontSize: 16, padding: '4px 4px' }}>{panel.title}</div>
            ) : (
              <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
                {(innerWidth, innerHeight) => <Content panel={panel} width={innerWidth} height={innerHeight} />}
              </PanelChrome>
            )
          }
        </At>
      ))}
    </div>
  );
}

createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <Page />
  </ThemeContext.Provider>
);
