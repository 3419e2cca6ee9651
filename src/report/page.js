// Draws every plot of the page, one after another, so that the text can be read at once. Colours of
// text and lines follow the page (light, dark, print) because they are written as currentColor.
(function () {
  const ink = "currentColor";
  const guide = { labelColor: ink, titleColor: ink, titleFontWeight: 600, labelFontSize: 12, titleFontSize: 12 };
  const config = {
    background: null,
    font: "system-ui, 'Segoe UI', 'Liberation Sans', Helvetica, Arial, sans-serif",
    axis: Object.assign({ domainColor: ink, tickColor: ink, gridColor: ink, gridOpacity: 0.12, titleLimit: 640 }, guide),
    legend: Object.assign({ titleLimit: 260, labelLimit: 260, symbolSize: 80, symbolOpacity: 1, symbolBaseFillColor: ink, symbolBaseStrokeColor: ink }, guide),
    header: Object.assign({ labelFontWeight: 600, labelLimit: 330 }, guide),
    title: { color: ink },
    text: { color: ink },
    rule: { color: ink },
    tick: { color: ink },
    view: { stroke: ink, strokeOpacity: 0.15 }
  };
  const options = {
    mode: "vega-lite", renderer: "svg", config: config,
    actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false }
  };
  const data = Array.from(document.querySelectorAll("script[type='application/json'][data-plot]"));
  function next() {
    const source = data.shift();
    if (!source) { document.documentElement.dataset.drawn = "yes"; return; }
    const place = document.getElementById(source.dataset.plot);
    vegaEmbed(place, JSON.parse(source.textContent), options)
      .catch(function (error) { place.textContent = "This plot could not be drawn: " + error.message; })
      .then(function () { setTimeout(next, 0); });
  }
  next();
})();
