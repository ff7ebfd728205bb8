// Runs the theme's search worker in a hidden frame where a page is opened from disk, since browsers
// start no Worker there. The theme asks for a file of this name; elsewhere it does nothing.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const waiting = [];
      this.post = (data) => waiting.push(data);
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html><title>search</title>";
      frame.addEventListener("load", () => {
        const inner = frame.contentWindow;
        inner.postMessage = (data) =>
          setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data })));
        inner.importScripts = (...urls) =>
          urls.reduce(
            (before, each) => before.then(() => load(inner, each)),
            Promise.resolve()
          );
        load(inner, url).then(() => {
          this.post = (data) => inner.dispatchEvent(new MessageEvent("message", { data }));
          waiting.forEach((data) => this.post(data));
        });
      }, { once: true });
      document.body.appendChild(frame);
    }

    postMessage(data) {
      this.post(data);
    }
  };

  const load = (inner, url) =>
    new Promise((done, fail) => {
      const script = inner.document.createElement("script");
      script.src = url;
      script.onload = done;
      script.onerror = () => fail(new Error(`${url} cannot be loaded`));
      inner.document.head.appendChild(script);
    });
}
