// An excerpt from inside an `impl` is shown, and copied, without the indent that
// all its lines share: a phone has no room for it. (mdBook has coloured it before.)
for (const code of document.querySelectorAll('pre > code.language-rust')) {
    const lines = code.textContent.split('\n').filter((line) => line.trim());
    const common = Math.min(...lines.map((line) => line.search(/\S/)));
    code.innerHTML = code.innerHTML.replace(new RegExp(`^ {${common}}`, 'gm'), '');
}
