// Where Monaco, the editor inside GraphiQL, finds its three workers: beside this file, never elsewhere.
/* global WORKERS */
globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    return new Worker(new URL(WORKERS[label] ?? WORKERS.editor, import.meta.url));
  },
};
