// The protocol as the extension's library speaks it (vscode-jsonrpc), against the real server; VS Code itself does not run.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as rpc from 'vscode-jsonrpc/node.js';
import { buildSync } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const program = process.env.KILO_REVIEW_PROGRAM ?? path.join(here, '../../../.venv/bin/kilo-review');
const code = 'def f(x):\n    return eval(x)\n';

function repository() {
  const root = mkdtempSync(path.join(tmpdir(), 'kilo-'));
  const git = (...words) =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...words], { cwd: root });
  git('init', '--quiet');
  writeFileSync(path.join(root, 'a.py'), 'a = 1\n');
  git('add', '-A');
  git('commit', '--quiet', '-m', 'c');
  return root;
}

test('a save shows a finding, its end of life follows the edit, and the server leaves with status 0', async () => {
  const root = repository();
  const cache = mkdtempSync(path.join(tmpdir(), 'kilo-cache-'));
  const env = { PATH: process.env.PATH, HOME: cache, KILO_REVIEW_CACHE_DIR: cache };
  const child = spawn(program, ['lsp'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const left = new Promise((resolve) => child.on('exit', resolve));
  const connection = rpc.createMessageConnection(
    new rpc.StreamMessageReader(child.stdout),
    new rpc.StreamMessageWriter(child.stdin),
  );
  const shown = new Map();
  const progress = [];
  let told;
  connection.onNotification('textDocument/publishDiagnostics', (params) => shown.set(params.uri, params.diagnostics));
  connection.onNotification('$/progress', (params) => progress.push(params.value.kind));
  connection.onNotification('kilo/status', (params) => told(params));
  connection.onRequest('window/workDoneProgress/create', () => null);
  connection.onRequest('workspace/configuration', () => [{ onSave: 'analysers', debounceMs: 10, maxCost: '' }]);
  connection.listen();
  const uri = pathToFileURL(path.join(root, 'a.py')).href;
  const saved = (text, version) => {
    writeFileSync(path.join(root, 'a.py'), text);
    connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version },
      contentChanges: [{ text }],
    });
    const status = new Promise((resolve) => (told = resolve));
    connection.sendNotification('textDocument/didSave', { textDocument: { uri } });
    return status;
  };
  try {
    const answer = await connection.sendRequest('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: { window: { workDoneProgress: true }, workspace: { configuration: true } },
      initializationOptions: { kilo: { review: { asksReason: true } } },
    });
    const { capabilities } = answer;
    assert.equal(capabilities.positionEncoding, 'utf-16');
    assert.ok(capabilities.hoverProvider && capabilities.codeActionProvider);
    assert.ok(capabilities.executeCommandProvider.commands.includes('kilo.reviewNow'));
    await connection.sendNotification('initialized', {});
    await connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'python', version: 1, text: 'a = 1\n' },
    });
    const status = await saved(code, 2);
    assert.equal(status.findings, 1);
    const at = { textDocument: { uri }, range: { start: { line: 1, character: 0 }, end: { line: 1, character: 1 } } };
    const actions = await connection.sendRequest('textDocument/codeAction', { ...at, context: { diagnostics: [] } });
    assert.equal(shown.get(uri)[0].source, 'kilo-review');
    // A client that asks for the reason itself is offered one dismissal, not one for each reason.
    const dismiss = actions.filter((action) => action.command?.command === 'kilo.dismiss');
    assert.equal(dismiss.length, 1);
    assert.equal(dismiss[0].command.arguments[0].reason, '');
    await saved('a = 2\n', 3);
    await connection.sendRequest('textDocument/codeAction', { ...at, context: { diagnostics: [] } });
    assert.deepEqual(shown.get(uri), []);
    assert.deepEqual([progress[0], progress.at(-1)], ['begin', 'end']);
    await connection.sendRequest('shutdown');
    await connection.sendNotification('exit');
    assert.equal(await left, 0);
  } finally {
    child.kill();
    connection.dispose();
    for (const folder of [root, cache]) rmSync(folder, { recursive: true, force: true });
  }
});

test('the status bar shows findings and what was spent, and a dismissal carries the reason', async () => {
  const out = path.join(here, '../dist/status.cjs');
  buildSync({ entryPoints: [path.join(here, '../src/status.ts')], outfile: out, bundle: true, format: 'cjs' });
  const { barText, withReason } = createRequire(import.meta.url)(out);
  assert.equal(barText({ findings: 1, sessionCostText: '$0.0042' }), '$(comment-discussion) 1 finding · $0.0042');
  assert.equal(barText({ findings: 2, sessionCostText: 'unknown' }), '$(comment-discussion) 2 findings · unknown');
  const about = { fingerprint: 'f', uri: 'u', reason: '' };
  assert.deepEqual(await withReason([about], async () => 'it is wrong'), [{ ...about, reason: 'it is wrong' }]);
  assert.equal(await withReason([about], async () => undefined), undefined);
});

test('a workspace can neither name a program nor make a save cost money', () => {
  const manifest = JSON.parse(readFileSync(path.join(here, '../package.json'), 'utf8'));
  const settings = Object.values(manifest.contributes.configuration.properties);
  assert.deepEqual(new Set(settings.map((setting) => setting.scope)), new Set(['machine']));
});
