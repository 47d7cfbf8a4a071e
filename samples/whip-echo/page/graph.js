// SPDX-License-Identifier: BSD-3-Clause
// A small graph of two lines over the last minute.

const KEPT = 60;
const [WIDTH, HEIGHT] = [240, 88];
const SVG = 'http://www.w3.org/2000/svg';

function element(name, attributes = {}, text = '') {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = text;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

// 1, 2 or 5 times a power of ten, at least `least`.
function roundUp(value, least) {
  const top = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= top * 0.999);
}

export class Graph {
  // lines: [name, key of the sample] twice
  constructor(parent, { title, unit, digits = 0, least = 1, lines }) {
    Object.assign(this, { title, unit, digits, least, lines });
    this.values = lines.map(() => []);
    const box = element('div', { class: 'graph' });
    const heading = element('h3', {}, title);
    this.scale = element('span', { class: 'scale' });
    heading.append(' ', this.scale);
    this.svg = shape('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
    [0.25, 0.5, 0.75].forEach((part) => {
      this.svg.append(shape('line', { class: 'grid', x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part }));
    });
    this.paths = lines.map((_, i) => {
      const path = shape('path', { class: 'ab'[i], d: '' });
      this.svg.append(path);
      return path;
    });
    const legend = element('ul', { class: 'legend' });
    this.labels = lines.map(([name], i) => {
      const item = element('li', { class: 'ab'[i] }, `${name} `);
      const value = element('b', {}, '\u2013');
      item.append(value);
      legend.append(item);
      return value;
    });
    box.append(heading, this.svg, legend);
    parent.append(box);
    this.show();
  }

  text(value) {
    return Number.isFinite(value) ? `${value.toFixed(this.digits)} ${this.unit}` : '\u2013';
  }

  add(sample) {
    this.lines.forEach(([, key], i) => {
      this.values[i].push(sample[key]);
      this.values[i].splice(0, this.values[i].length - KEPT);
      this.labels[i].textContent = this.text(sample[key]);
    });
    this.show();
  }

  clear() {
    this.values = this.lines.map(() => []);
    this.labels.forEach((label) => { label.textContent = '\u2013'; });
    this.show();
  }

  show() {
    const top = roundUp(Math.max(0, ...this.values.flat().filter(Number.isFinite)), this.least);
    this.scale.textContent = `0 to ${top} ${this.unit}, a minute`;
    this.values.forEach((values, i) => {
      let pen = 'M';
      this.paths[i].setAttribute('d', values.map((value, n) => {
        if (!Number.isFinite(value)) {
          pen = 'M';
          return '';
        }
        const x = WIDTH - ((values.length - 1 - n) * WIDTH) / (KEPT - 1);
        const point = `${pen}${x.toFixed(1)} ${(HEIGHT - 3 - (value / top) * (HEIGHT - 6)).toFixed(1)}`;
        pen = 'L';
        return point;
      }).join(''));
    });
    this.svg.setAttribute('aria-label', `${this.title}: ${this.lines.map(([name], i) => `${name} ${this.labels[i].textContent}`).join(', ')}`);
  }
}
