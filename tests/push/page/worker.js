// What a service worker does with a push: it shows something, as it must, and
// tells the test what it could read.
self.addEventListener('push', (event) => {
  const read = event.data.text();
  event.waitUntil(Promise.all([
    self.registration.showNotification('New Message'),
    fetch('/', { method: 'POST', body: JSON.stringify({ read }) }),
  ]));
});
