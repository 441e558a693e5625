// A client as docs/push.md has it: it subscribes with the key of the server,
// and registers what the browser gave it. In its address: where the server is
// and the access token of its user.
const said = new URLSearchParams(location.search);

function tell(what) {
  return fetch('/', { method: 'POST', body: JSON.stringify(what) });
}

async function call(method, body) {
  const answer = await fetch(`${said.get('server')}/api/devices`, {
    method,
    headers: {
      Authorization: `Bearer ${said.get('token')}`,
      ...(body && { 'Content-Type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) {
    throw new Error(`${method}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

try {
  // A browser that has just begun may lose a subscription: its pages run before
  // that part of it does.
  await fetch('/ready');
  await navigator.serviceWorker.register('worker.js');
  const { pushManager } = await navigator.serviceWorker.ready;
  const { webPushKey } = await call('GET');
  const subscription = await pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: webPushKey,
  });
  const { device } = await call('POST', {
    kind: 'webpush',
    subscription: subscription.toJSON(),
    deviceId: 'browser',
    platform: 'web',
  });
  await tell({ device });
} catch (error) {
  await tell({ error: String(error) });
}
