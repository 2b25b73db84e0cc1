// Bundles the extension into two files: dist/extension.js is what activation reads, dist/languageclient.js the library
// that talks to the server, many times as large and wanted a moment later. Nothing is loaded from node_modules at run time.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/extension.js', 'src/languageclient.js'],
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  plugins: [{
    name: 'apart',
    setup: b => b.onResolve({ filter: /^\.\/languageclient$/ }, args => ({ path: args.path, external: true })),
  }],
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
});
