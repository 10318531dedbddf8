const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const set = workspace.getConfiguration("cepd");
  client = new LanguageClient("cepd", { command: set.get("path"), args: ["lsp"] }, {
    documentSelector: [{ language: "cepd" }],
    initializationOptions: { prelude: set.get("prelude"), params: set.get("params") },
  });
  return client.start();
};

exports.deactivate = () => client && client.stop();
