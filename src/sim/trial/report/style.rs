//! Colours and letters, for pages and pictures alike. Hues by Okabe and Ito (2008), told apart by the colour-blind; light
//! and dark follow the reader's system.

/// The variables: ink, paper, and the tones of lines.
pub const COLOURS: &str = ":root{--ink:#1b1f24;--soft:#59636e;--grid:#e3e7eb;--paper:#fff;--card:#f6f8fa;--shade:#fdf1dc;\
--t0:#0072b2;--t1:#00855f;--t2:#7d8590;--t3:#d55e00;--t4:#b0508a;--t5:#b98500;--t6:#3aa0dd;--good:#00694b;--warn:#8a5a00;\
--bad:#b3261e;--goodbg:#e0f3ec;--warnbg:#fdf1dc;--badbg:#fde7e4}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--grid:#2b323a;--paper:#0d1117;--card:#161b22;\
--shade:#2c2616;--t0:#58b4f0;--t1:#2fc998;--t2:#7d8590;--t3:#ff8a3c;--t4:#e08cc0;--t5:#e6b422;--t6:#a5d8ff;--good:#4fd1a5;\
--warn:#e3b341;--bad:#ff8f85;--goodbg:#10291f;--warnbg:#2c2616;--badbg:#3a1a18}}";

/// What the parts of a picture look like.
pub const PICTURE: &str = "svg.fig{font:11px system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif}\
.fig text{fill:var(--soft)}.fig .h{fill:var(--ink);font-weight:600;font-size:12px}.fig .k{fill:var(--ink)}\
.fig .cap{fill:var(--ink);font-size:14px;font-weight:600}.fig .paper{fill:var(--paper)}.fig .shade{fill:var(--shade)}\
.fig .grid{stroke:var(--grid);fill:none}.fig .axis{stroke:var(--soft);fill:none}\
.fig .l{fill:none;stroke-width:1.5;stroke-linejoin:round}.fig .bold{stroke-width:2.2}.fig .dash{stroke-dasharray:5 3}\
.fig .thin{stroke-width:1}.fig .area{opacity:.16;stroke:none}\
.s0{stroke:var(--t0)}.s1{stroke:var(--t1)}.s2{stroke:var(--t2)}.s3{stroke:var(--t3)}.s4{stroke:var(--t4)}\
.s5{stroke:var(--t5)}.s6{stroke:var(--t6)}.f0{fill:var(--t0)}.f1{fill:var(--t1)}.f2{fill:var(--t2)}.f3{fill:var(--t3)}\
.f4{fill:var(--t4)}.f5{fill:var(--t5)}.f6{fill:var(--t6)}";

/// What a page looks like around its pictures.
pub const PAGE: &str = "*{box-sizing:border-box}html{color-scheme:light dark;scroll-behavior:smooth}\
body{margin:0 auto;max-width:1080px;padding:32px 20px 80px;background:var(--paper);color:var(--ink);\
font:15px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif}\
h1{font-size:28px;line-height:1.2;margin:0 0 8px}h2{font-size:21px;margin:56px 0 4px;padding-top:16px;border-top:1px solid var(--grid)}\
h3{font-size:16px;margin:32px 0 6px}p{margin:0 0 12px;max-width:76ch}.why{font-size:16px;color:var(--soft)}\
.soft{color:var(--soft)}small{color:var(--soft)}a{color:var(--t0);text-decoration:none}a:hover{text-decoration:underline}\
code{font:13px ui-monospace,\"DejaVu Sans Mono\",monospace;background:var(--card);padding:2px 5px;border-radius:4px}\
.sums{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}.sum{background:var(--card);border-radius:10px;padding:12px 18px;min-width:130px}\
.sum b{display:block;font-size:26px;line-height:1.2;font-variant-numeric:tabular-nums}\
nav ol{list-style:none;margin:8px 0 0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:2px 20px}\
nav li{display:flex;justify-content:space-between;gap:8px;padding:3px 0;border-bottom:1px solid var(--grid)}\
.wide{overflow-x:auto;margin:0 0 10px}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}\
th,td{padding:4px 8px;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}\
th{font-weight:600;color:var(--soft);vertical-align:bottom;white-space:normal;line-height:1.25;min-width:5em}th.say{text-align:left}th:first-child,td:first-child{text-align:left}\
tr.own td{font-weight:600;background:var(--card)}tr.band td{color:var(--soft)}td.say{text-align:left;white-space:normal;min-width:26ch}\
td.holds{color:var(--good)}td.short{color:var(--warn);background:var(--warnbg)}td.broken{color:var(--bad);background:var(--badbg)}\
.tag{display:inline-block;border-radius:20px;padding:0 9px;font-size:12px;font-weight:600;line-height:20px;white-space:nowrap}\
.tag.holds{background:var(--goodbg);color:var(--good)}.tag.short{background:var(--warnbg);color:var(--warn)}\
.tag.broken{background:var(--badbg);color:var(--bad)}\
details{margin:4px 0 12px}summary{cursor:pointer;color:var(--t0)}svg.fig{width:100%;height:auto;display:block}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;font-size:14px}dt{font-weight:600}dd{margin:0;color:var(--soft)}\
figure{margin:8px 0 0}figcaption{font-size:13px;color:var(--soft);margin-top:2px}";
