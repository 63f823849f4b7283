import * as vscode from 'vscode';
import { LanguageClient, type LanguageClientOptions, type ServerOptions } from 'vscode-languageclient/node';
import { barText, type Status, withReason } from './status';

const DISMISS = 'kilo.dismiss';
let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const bar = vscode.window.createStatusBarItem(vscode.StatusBarAlignment.Left);
  bar.name = 'Kilo Review';
  bar.command = 'kilo.reviewNow';
  context.subscriptions.push(bar);

  // `inspect`, not `get`: a value of the workspace is not taken, whatever the editor makes of the setting's scope.
  const given = vscode.workspace.getConfiguration('kilo.server').inspect<string[]>('command');
  const [command, ...args] = given?.globalValue ?? given?.defaultValue ?? ['kilo-review', 'lsp'];
  const server: ServerOptions = { command, args };
  const options: LanguageClientOptions = {
    documentSelector: [{ scheme: 'file' }],
    initializationOptions: { kilo: { review: { asksReason: true } } },
    middleware: {
      async executeCommand(name, given, next) {
        const known = name === DISMISS ? await withReason(given, askReason) : given;
        return known === undefined ? undefined : next(name, known);
      },
    },
  };
  client = new LanguageClient('kilo-review', 'Kilo Review', server, options);
  context.subscriptions.push(
    client.onNotification('kilo/status', (status: Status) => {
      bar.text = barText(status);
      bar.tooltip = `${status.text}\nClick to review with a model.`;
      bar.show();
    }),
  );
  try {
    await client.start();
  } catch (error) {
    void vscode.window.showErrorMessage(
      `Kilo Review: ${command} did not start (${String(error)}). Install it with pip install 'kilo-review[lsp,analysers]', ` +
        'or name it in the setting kilo.server.command.',
    );
  }
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

function askReason(): Thenable<string | undefined> {
  return vscode.window.showInputBox({ prompt: 'Why is the finding dismissed?', placeHolder: 'for example: it is intended' });
}
