// Bundles the views of widgets, each into one file that needs nothing from the network: anywidget
// gives them to whatever front end shows the notebook.
import { rspack } from '@rspack/core';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = name => fileURLToPath(new URL(name, import.meta.url));
const target = here('../jupyter_mcp/widgets/static');

const compiler = rspack({
  mode: 'production',
  context: here('.'),
  devtool: false,
  entry: {
    'jobs-view': './lib/widgets/jobs-view.js',
    screen: './lib/widgets/screen.js',
    terminal: './lib/widgets/terminal.js',
    'workflow-view': './lib/widgets/workflow-view.js',
    'workflow-editor': './lib/widgets/workflow-editor.js'
  },
  output: {
    path: target,
    filename: '[name].js',
    library: { type: 'module' },
    module: true,
    clean: true
  },
  optimization: { splitChunks: false, runtimeChunk: false },
  performance: false
});

const stats = await new Promise((resolve, reject) =>
  compiler.run((error, result) => (error ? reject(error) : resolve(result)))
);
await new Promise(resolve => compiler.close(resolve));
if (stats.hasErrors()) {
  console.error(stats.toString('errors-only'));
  process.exit(1);
}
const own = await readFile(here('src/widgets/widgets.css'), 'utf8');
const xterm = await readFile(here('node_modules/@xterm/xterm/css/xterm.css'), 'utf8');
await writeFile(`${target}/terminal.css`, `${xterm}\n${own}`);
await copyFile(here('src/widgets/widgets.css'), `${target}/screen.css`);
const workflows = await readFile(here('style/workflows.css'), 'utf8');
for (const name of ['jobs-view', 'workflow-view', 'workflow-editor']) {
  await writeFile(`${target}/${name}.css`, `${workflows}\n${own}`);
}
