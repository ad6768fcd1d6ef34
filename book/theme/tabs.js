// Siblings side by side: each <section class="tab" data-os="linux|macos|windows">
// of a <div class="tabs"> becomes a tab. Without this script, and in print, all
// of them follow one another. One choice serves the whole book.
(() => {
    const key = 'evq-os';
    const platform = navigator.userAgentData?.platform || navigator.platform || '';
    const own = /win/i.test(platform) ? 'windows' : /mac|iphone|ipad|bsd/i.test(platform) ? 'macos' : 'linux';
    let chosen = null;
    try { chosen = localStorage.getItem(key); } catch { /* storage is refused: the platform decides */ }
    const groups = [...document.querySelectorAll('.tabs')].map((group, g) => {
        const list = document.createElement('div');
        const tabs = [...group.querySelectorAll(':scope > .tab')].map((panel, n) => {
            const tab = document.createElement('button');
            panel.id ||= `tab-${g}-${n}`;
            tab.id = `${panel.id}-tab`;
            tab.type = 'button';
            tab.textContent = panel.querySelector('h4').textContent;
            tab.setAttribute('role', 'tab');
            tab.setAttribute('aria-controls', panel.id);
            panel.setAttribute('role', 'tabpanel');
            panel.setAttribute('aria-labelledby', tab.id);
            tab.addEventListener('click', () => choose(panel.dataset.os));
            list.append(tab);
            return { tab, panel };
        });
        list.className = 'tablist';
        list.setAttribute('role', 'tablist');
        list.setAttribute('aria-label', 'Operating system');
        list.addEventListener('keydown', (event) => {
            const at = tabs.findIndex(({ tab }) => tab === document.activeElement);
            const step = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
            if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
            event.preventDefault();
            event.stopPropagation(); // mdBook turns the page on an arrow key
            const to = tabs[(step + tabs.length) % tabs.length];
            choose(to.panel.dataset.os);
            to.tab.focus();
        });
        group.prepend(list);
        return tabs;
    });
    const show = (os) => groups.forEach((tabs) => {
        const at = Math.max(0, tabs.findIndex(({ panel }) => panel.dataset.os === os));
        tabs.forEach(({ tab, panel }, n) => {
            tab.setAttribute('aria-selected', n === at);
            tab.tabIndex = n === at ? 0 : -1;
            panel.hidden = n !== at;
        });
    });
    const choose = (os) => {
        show(os);
        try { localStorage.setItem(key, os); } catch { /* forgotten at the next page */ }
    };
    const follow = () => { // a link into a tab opens it
        const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
        const panel = target && target.closest('.tab');
        if (panel) { show(panel.dataset.os); target.scrollIntoView(); }
    };
    show(chosen || own);
    follow();
    window.addEventListener('hashchange', follow);
})();
