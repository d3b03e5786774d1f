// An API key may come in the fragment of the address, as /graphiql#key=sk_…: a browser never sends that part to a server.
// It is taken out of the address at once, so that it is not left in the history, in bookmarks or on a shared screen.
export function takeKey() {
  const match = /[#&]key=([^&]+)/.exec(location.hash);
  if (!match) return null;
  history.replaceState(null, '', location.pathname + location.search);
  return decodeURIComponent(match[1]);
}

// A link with another key, opened in a tab that shows the page already, changes only the fragment.
export function onNewKey(action) {
  addEventListener('hashchange', () => {
    const key = takeKey();
    if (key) action(key);
  });
}
