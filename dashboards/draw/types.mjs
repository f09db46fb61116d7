// Holds the dashboards against the types of @grafana/schema: a misspelt or missing property is an error.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const NAMES = ['overview', 'verification-and-abuse', 'delivery', 'sidecar-and-state'];

// The words of an enum are plain strings in JSON. Annotations carry settings of their data source, which the schema
// does not know.
const HEAD = `
import type { AnnotationQuery, Dashboard, DataQuery } from '@grafana/schema';
type Wire<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;
type Open = Record<string, unknown>;
type Annotation = Omit<Wire<AnnotationQuery>, 'target'> & { target?: Wire<DataQuery> & Open } & Open;
type Ours = Wire<Omit<Dashboard, 'annotations'>> & { annotations: { list: Annotation[] } };
`;

const file = new URL('types.check.ts', import.meta.url).pathname;
const text = NAMES.map((name, index) => {
  const dashboard = readFileSync(new URL(`../${name}.json`, import.meta.url), 'utf8');
  return `export const d${index}: Ours = ${dashboard};`;
});
writeFileSync(file, HEAD + text.join('\n'));
try {
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--moduleResolution', 'bundler', '--module', 'esnext', '--target', 'es2022'];
  execFileSync(new URL('node_modules/.bin/tsc', import.meta.url).pathname, [...options, file], { stdio: 'inherit' });
  console.log('the dashboards fit the types of @grafana/schema');
} catch {
  process.exitCode = 1;
} finally {
  rmSync(file);
}
