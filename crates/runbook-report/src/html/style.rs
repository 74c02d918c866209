//! How the page looks: by day, by night, on a phone and on paper.
//!
//! Every text has a contrast of at least 4.5 to what is behind it and every form of a picture one of at least 3, in both
//! schemes: a test in a browser measures it.

use super::Medium;

/// The style of a page about a run, or about many.
pub(super) fn sheet(medium: Medium, run: Option<&str>) -> String {
    let about_one = run.is_some();
    // What a run may be called is narrow, and a style sheet takes no more than that.
    let run: String = run
        .unwrap_or_default()
        .chars()
        .filter(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'))
        .collect();
    let foot = if about_one {
        format!("Run {run}")
    } else {
        "Runs, compared".to_owned()
    };
    let night = match medium {
        Medium::Screen => format!("@media screen and (prefers-color-scheme:dark){{:root{{{DARK}}}}}\n"),
        Medium::Paper => String::new(),
    };
    format!(
        ":root{{{LIGHT}}}\n{night}{WORDS}{PICTURES}{PAPER}@page{{@bottom-left{{content:\"{foot}\";font:8pt system-ui,sans-serif;color:#57606a}}}}\n"
    )
}

const LIGHT: &str = "--paper:#fff;--raised:#f6f8fa;--ink:#1b1f24;--quiet:#57606a;--edge:#d0d7de;--link:#0a58b5;--focus:#0a58b5;\
--good:#16702f;--bad:#b3261e;--back:#7436b0;--wait:#8a5a00;--act:#2767c4;--thin:#6e7781;--calm:#57606a;\
--good-paper:#e6f4ea;--bad-paper:#fdeceb;--back-paper:#f2eafb;--wait-paper:#fff4d6;--calm-paper:#eef1f4;--grid:#e3e7ec";

const DARK: &str = "--paper:#0f141a;--raised:#171e26;--ink:#e6edf3;--quiet:#a3b0bd;--edge:#323b46;--link:#79b8ff;--focus:#79b8ff;\
--good:#5fd07a;--bad:#ff8f86;--back:#cfa8ff;--wait:#e6b54a;--act:#6aa5f8;--thin:#8c97a3;--calm:#a3b0bd;\
--good-paper:#12301c;--bad-paper:#3f1a18;--back-paper:#2b1e42;--wait-paper:#37290b;--calm-paper:#202932;--grid:#232c36";

const WORDS: &str = r#"*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;overflow-wrap:anywhere}
.skip{position:absolute;left:-100rem}
.skip:focus{left:1rem;top:1rem;z-index:2;background:var(--paper);padding:.5rem .75rem;border-radius:.35rem}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:.2rem}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.banner{border-bottom:1px solid var(--edge);background:var(--raised)}
.banner .wide,.sheet,footer{max-width:78rem;margin:0 auto;padding:0 1.25rem}
.banner .wide{padding-top:1.75rem;padding-bottom:1.5rem}
.kicker{margin:0;color:var(--quiet);font-size:.9rem}
h1{margin:.15rem 0 .75rem;font-size:clamp(1.5rem,1.2rem + 1.6vw,2.15rem);line-height:1.2;text-wrap:balance}
h2{margin:0 0 1rem;font-size:1.4rem;line-height:1.25}
h3{margin:2rem 0 .5rem;font-size:1.1rem;line-height:1.3}
h4,h5,h6{margin:1.5rem 0 .5rem;font-size:1rem;line-height:1.3}
.outcome{display:inline-block;margin:0;padding:.3rem .8rem;border:1px solid currentColor;border-radius:2rem;font-weight:650}
.outcome.good{color:var(--good);background:var(--good-paper)}
.outcome.bad{color:var(--bad);background:var(--bad-paper)}
.outcome.back{color:var(--back);background:var(--back-paper)}
.outcome.calm{color:var(--calm);background:var(--calm-paper)}
.sheet{display:grid;grid-template-columns:minmax(0,1fr);gap:0 3rem}
main{min-width:0;padding-bottom:2rem}
main>section{padding:1.75rem 0;border-bottom:1px solid var(--edge)}
main>section:last-child{border-bottom:0}
p,ul,ol{margin:.6rem 0}
main ul,main ol{padding-left:1.4rem}
li{margin:.2rem 0}
.contents{padding:1.25rem 0 0;font-size:.95rem}
.contents h2{margin:0 0 .4rem;font-size:.85rem;color:var(--quiet);letter-spacing:.02em}
.contents ul{margin:0;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem}
.contents li{margin:0}
.contents a{display:inline-block;padding:.15rem 0;text-decoration:none}
.contents a:hover{text-decoration:underline}
@media (min-width:52rem){
.facts,.facts tbody{display:block}
.facts tbody{columns:2;column-gap:3rem}
.facts tr{display:grid;grid-template-columns:9.5rem minmax(0,1fr);border-bottom:1px solid var(--edge);break-inside:avoid}
.facts th,.facts td{border:0}
}
@media screen and (min-width:70rem){
.sheet{grid-template-columns:13rem minmax(0,1fr)}
.contents{position:sticky;top:0;align-self:start;max-height:100vh;overflow-y:auto;padding:1.75rem 0}
.contents ul{flex-direction:column}
}
.missing{display:inline-block;padding:0 .5em;border:1px solid var(--wait);border-radius:.3rem;color:var(--wait);background:var(--wait-paper);font-size:.85em}
.lead>p:first-child{font-size:1.1rem}
code{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--raised);border-radius:.25rem;padding:.1em .3em;unicode-bidi:isolate}
pre{margin:.6rem 0;padding:.8rem 1rem;background:var(--raised);border:1px solid var(--edge);border-radius:.4rem;overflow-x:auto;overflow-wrap:normal;font-size:.95rem}
pre code{padding:0;background:none;white-space:pre;unicode-bidi:plaintext}
.scroll{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;font-size:.93rem;width:100%}
th,td{padding:.4rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--edge);unicode-bidi:isolate;white-space:nowrap}
td{width:1%}
td.t{white-space:normal;min-width:min(16rem,60vw)}
td.t,td:last-child,.facts td{width:auto}
.facts td{white-space:normal}
thead th{color:var(--quiet);font-weight:600;border-bottom:2px solid var(--edge);white-space:nowrap}
.facts{width:auto}
.facts th{color:var(--quiet);font-weight:500;white-space:nowrap;padding-left:0}
.muted,.note{color:var(--quiet)}
.note{font-size:.9rem}
summary{cursor:pointer;color:var(--link);width:fit-content;padding:.2rem 0}
footer{color:var(--quiet);font-size:.9rem;padding-top:1rem;padding-bottom:2rem}
figure{margin:0 0 1.5rem;padding:1.1rem 1.2rem;border:1px solid var(--edge);border-radius:.6rem;min-width:0}
figcaption{margin:0 0 .6rem;font-weight:650}
@media (max-width:40rem){
.banner .wide,.sheet,footer{padding-left:1rem;padding-right:1rem}
figure{padding:.9rem}
.facts,.facts tbody,.facts tr,.facts th,.facts td{display:block}
.facts tr{padding:.35rem 0;border-bottom:1px solid var(--edge)}
.facts th,.facts td{padding:0;border:0}
.facts th{font-size:.85rem}
}
"#;

const PICTURES: &str = r#"svg{display:block;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
svg text{fill:var(--ink);font-size:12px}
.defs{position:absolute}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.2rem 0 .8rem;padding:0!important;list-style:none;font-size:.88rem;color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:.4rem;margin:0}
.rows{list-style:none;margin:0;padding:0!important}
.row{display:grid;grid-template-columns:minmax(8rem,17rem) minmax(0,1fr) 5.5rem;gap:0 .8rem;align-items:center;margin:0;padding:0;font-size:.92rem;break-inside:avoid}
.row .label{line-height:1.3;padding-top:.12rem;padding-bottom:.12rem;display:grid;grid-template-columns:1.3em minmax(0,1fr)}
.row.part .label,.row.scale .label{display:block}
.row .took{text-align:right;color:var(--quiet);font-variant-numeric:tabular-nums;font-size:.88rem}
.row.part{color:var(--quiet)}
.row.part+.row:not(.part){border-top:1px solid var(--edge)}
.in1{padding-left:1rem}.in2{padding-left:2rem}.in3{padding-left:3rem}.in4{padding-left:4rem}
.strip{width:100%;min-height:100%;overflow:visible}
.scale .strip text{fill:var(--quiet);font-size:11.5px}
.tick{stroke:var(--grid);stroke-width:1}
.tick.session{stroke:var(--thin);stroke-width:1.5}
.turn{stroke:var(--thin);stroke-width:2}
.pause{stroke:var(--thin);stroke-width:2;stroke-dasharray:2 3}
.bar{stroke-width:1.5;stroke:var(--act);fill:var(--act)}
.bar.phase{fill:var(--thin);stroke:var(--thin)}
.bar.bad,.bar.attempt.bad{fill:var(--bad-paper);stroke:var(--bad)}
.bar.question{fill:var(--thin);stroke:var(--thin)}
.bar.gate{fill:var(--good-paper);stroke:var(--good)}
.bar.gate.bad{fill:var(--bad-paper);stroke:var(--bad)}
.bar.asking{fill:url(#dots);stroke:var(--wait)}
.bar.undo,.bar.undo.good{fill:url(#stripes);stroke:var(--back)}
.bar.undo.bad{fill:url(#stripes);stroke:var(--bad);stroke-width:2.5}
.bar.lost,.bar.open{fill:var(--paper);stroke:var(--act);stroke-dasharray:4 2}
.bar.undo.lost{stroke:var(--back)}
.cross{fill:none;stroke:var(--bad);stroke-width:2.2;stroke-linecap:round}
.undo-paper{fill:var(--back-paper)}.undo-ink{fill:var(--back)}
.asking-paper{fill:var(--wait-paper)}.asking-ink{fill:var(--wait)}
.gap-ink{fill:var(--thin)}
.gap{fill:url(#hatch)}
.sign{display:inline-block;min-width:1.1em;text-align:center;font-weight:700;color:var(--quiet)}
.sign.done{color:var(--good)}
.sign.failed,.sign.stuck{color:var(--bad)}
.sign.undone{color:var(--back)}
.sign.open{color:var(--wait)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:.9rem;list-style:none;padding:0!important;margin:0}
.card{margin:0;padding:.8rem .9rem;border:1px solid var(--edge);border-radius:.5rem;background:var(--paper);min-width:0;break-inside:avoid}
.card p{margin:0}
.what{font-size:.93rem;line-height:1.4}
.told{font-size:.88rem;color:var(--quiet)}
.spark,.dumbbell{width:100%;height:auto;max-width:22rem;margin:.5rem 0}
.spark .line{fill:none;stroke:var(--act);stroke-width:1.8;stroke-linejoin:round}
.bound{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 3}
.wrong{fill:var(--bad-paper)}
.dot{stroke-width:1.8;stroke-linecap:round}
.dot.pass{fill:var(--good);stroke:var(--paper);stroke-width:1}
.dot.fail{fill:none;stroke:var(--bad);stroke-width:2}
.dot.error{fill:var(--wait)}
.dumbbell .scale{stroke:var(--thin);stroke-width:1.5}
.way{stroke:var(--act);stroke-width:4}
.before{fill:var(--paper);stroke:var(--act);stroke-width:2.2}
.after{fill:var(--act)}
.graph{margin:0 auto}
.graph .title{font-weight:600}
.graph .arrow{fill:none;stroke:var(--thin);stroke-width:1.4}
.graph .head{fill:var(--thin)}
.graph .node{fill:var(--paper);stroke:var(--thin);stroke-width:1.3}
.graph .node.done{fill:var(--good-paper);stroke:var(--good)}
.graph .node.failed,.graph .node.stuck{fill:var(--bad-paper);stroke:var(--bad);stroke-width:3}
.graph .node.undone{fill:var(--back-paper);stroke:var(--back);stroke-dasharray:9 3;stroke-width:2}
.graph .node.open{fill:var(--wait-paper);stroke:var(--wait);stroke-width:2}
.graph .node.skipped{stroke-dasharray:2 3}
.graph .node.untouched{stroke-dasharray:1 5}
.graph .group{fill:var(--paper)}
@media (max-width:40rem){
.row{grid-template-columns:minmax(0,1fr) auto;padding:.3rem 0 0}
.row .strip{min-height:0}
.row .strip{grid-row:2;grid-column:1/-1}
.row.scale .label,.row.scale .took{display:none}
.row.scale .strip{grid-row:1}
}
"#;

const PAPER: &str = r#"@page{size:A4;margin:16mm 14mm 18mm;@bottom-right{content:counter(page) " / " counter(pages);font:8pt system-ui,sans-serif;color:#57606a}}
@media print{
html{font-size:10pt}
body{background:#fff;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.contents,.skip{display:none}
.banner{background:none}
.banner .wide,.sheet,footer{max-width:none;padding-left:0;padding-right:0}
.banner .wide{padding-top:0}
.sheet{display:block}
main>section{padding:1.1rem 0;border:0}
h1,h2,h3,h4,h5,h6,figcaption,summary,thead{break-after:avoid}
h1,h2,h3,h4,h5,h6,.rows,.row,.card,tr,li,svg,.legend{break-inside:avoid}
p,li{orphans:3;widows:3}
thead{display:table-header-group}
figure{padding:.8rem;break-inside:auto;box-decoration-break:clone;-webkit-box-decoration-break:clone}
.scroll{overflow:visible}
.graph{max-width:100%;max-height:240mm;height:auto}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
pre code{white-space:pre-wrap}
table{font-size:.88rem}
th,td{padding:.25rem .45rem}
td.t{min-width:5.5rem}
thead th{overflow-wrap:normal}
thead th{white-space:normal}
a{color:inherit;text-decoration:none}
details::details-content{content-visibility:visible;block-size:auto}
details>summary{color:var(--quiet);list-style:none}
}
"#;
