// Draws every map of the page from the bytes beside it, one canvas pixel per cell, and says what is
// under the pointer.
(function () {
  // Five stops from dark to bright that keep their order in grey.
  const stops = [[24, 15, 61], [93, 23, 110], [188, 55, 84], [243, 132, 31], [252, 255, 164]];
  const pruned = [150, 150, 150];
  const lost = [214, 20, 20], extra = [0, 190, 220];
  const kept = 1, falselyPruned = 2, falselyKept = 4, floor = 1e-6;
  function colour(level) {
    const x = (level - 1) / 254 * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(x));
    return stops[i].map(function (v, c) { return v + (stops[i + 1][c] - v) * (x - i); });
  }
  const table = Array.from({ length: 256 }, function (_, level) { return level === 0 ? null : colour(level); });
  function bytes(text) { return Uint8Array.from(atob(text), function (c) { return c.charCodeAt(0); }); }
  function mixed(a, b, share) { return a.map(function (v, c) { return v * (1 - share) + b[c] * share; }); }
  function shade(level, mark, overlay) {
    const plain = table[level];
    if (level === 0 || overlay === "plain") return plain;
    if (overlay === "kept") return mark & kept ? plain : mixed(plain, pruned, 0.8);
    if (mark & falselyPruned) return lost;
    if (mark & falselyKept) return extra;
    return mark & kept ? plain : mixed(plain, pruned, 0.8);
  }
  function span(cell, step, n) {
    const first = cell * step, last = Math.min(n, first + step) - 1;
    return first === last ? String(first) : first + " to " + last;
  }
  function words(map, row, col) {
    const at = row * map.cols + col, level = map.level[at], mark = map.marks.length ? map.marks[at] : 0;
    let text = "query " + span(row, map.step, map.n_q) + ", key " + span(col, map.step, map.n_k) + ": ";
    if (level === 0) return text + "not allowed";
    const p = Math.pow(10, Math.log10(floor) * (1 - (level - 1) / 254));
    text += (level === 1 ? "at most " : "") + "probability " + p.toPrecision(2);
    if (!map.marks.length) return text;
    text += mark & kept ? ", kept" : ", pruned";
    if (mark & falselyPruned) text += ", falsely pruned";
    if (mark & falselyKept) text += ", falsely kept";
    return text;
  }
  const readout = document.getElementById("readout"), overlay = document.getElementById("overlay");
  const maps = Array.from(document.querySelectorAll("script[data-map]")).map(function (source) {
    const map = JSON.parse(source.textContent), canvas = document.getElementById(source.dataset.map);
    map.level = bytes(map.level);
    map.marks = bytes(map.marks);
    map.canvas = canvas;
    canvas.width = map.cols;
    canvas.height = map.rows;
    const zoom = Math.max(1, Math.floor(325 / Math.max(map.rows, map.cols)));
    canvas.style.width = map.cols * zoom + "px";
    canvas.style.height = map.rows * zoom + "px";
    canvas.addEventListener("pointermove", function (event) {
      const col = Math.floor(event.offsetX * map.cols / canvas.clientWidth);
      const row = Math.floor(event.offsetY * map.rows / canvas.clientHeight);
      if (row >= 0 && row < map.rows && col >= 0 && col < map.cols) readout.textContent = words(map, row, col);
    });
    return map;
  });
  function paint(context, width, height, rgb) {
    const image = context.createImageData(width, height);
    for (let i = 0; i < width * height; ++i) {
      const shown = rgb(i); // null stays transparent
      if (shown) image.data.set([...shown, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }
  function draw() {
    maps.forEach(function (map) {
      paint(map.canvas.getContext("2d"), map.cols, map.rows, function (i) {
        return shade(map.level[i], map.marks.length ? map.marks[i] : kept, overlay.value);
      });
    });
  }
  const scale = document.getElementById("scale");
  paint(scale.getContext("2d"), scale.width, scale.height, function (i) { return table[1 + i % scale.width]; });
  overlay.addEventListener("change", draw);
  draw();
  document.documentElement.dataset.drawn = "yes";
})();
