//! The outcome as a table of plain text, and as JSON; which targets were met.

use std::fmt::{self, Write as _};

use crate::memory::Memory;
use crate::plan::{self, Effort, Scenario, Subject};
use crate::proxies::Kind;
use crate::rounds::{Row, Sample};
use crate::syscalls::Counted;
use crate::tenants::Large;

/// All that a run has measured.
#[derive(serde::Serialize)]
pub struct Report {
    /// Machine and versions.
    pub about: Vec<String>,
    pub effort: Effort,
    pub rows: Vec<Row>,
    pub syscalls: Vec<Counted>,
    pub memory: Vec<Memory>,
    pub tenants: Option<Large>,
    pub verdicts: Vec<Verdict>,
}

/// A target beside what was measured.
#[derive(serde::Serialize)]
pub struct Verdict {
    pub target: String,
    pub measured: f64,
    pub limit: f64,
    pub unit: &'static str,
    pub met: bool,
}

impl Report {
    /// Holds the measurements against the targets; those without a measurement are left out.
    pub fn judge(&mut self) {
        let mut verdicts = Vec::new();
        let mut judge = |target: String, measured: Option<f64>, limit, unit| {
            let verdict = |measured| Verdict { target, measured, limit, unit, met: measured <= limit };
            verdicts.extend(measured.map(verdict));
        };
        for (scenario, peer, limit) in plan::RATIOS {
            let ratio = self.ratio(scenario, (Kind::Tenantry, 1), (peer, 1));
            judge(format!("CPU of {scenario:?} / {}", peer.title()), ratio, limit, "x");
        }
        let many = self.effort.tokens;
        let ratio = self.ratio(Scenario::Tokens, (Kind::Tenantry, many), (Kind::Tenantry, 1));
        judge(format!("CPU with {many} tokens / one token"), ratio, plan::TOKENS, "x");
        let memory = self.memory.iter().find(|memory| memory.kind == Kind::Tenantry);
        judge("memory, idle".to_owned(), memory.map(|memory| memory.idle), plan::IDLE, "MiB");
        let connection = memory.map(|memory| memory.connection);
        judge("memory, each idle connection".to_owned(), connection, plan::CONNECTION, "KiB");
        if let Some(large) = &self.tenants {
            let count = large.tenants;
            judge(format!("memory with {count} tenants"), Some(large.resident), plan::TENANTS, "MiB");
            judge(
                format!("one change live at {count} tenants"),
                Some(median(large.live.iter().copied())),
                plan::CHANGE,
                "ms",
            );
        }
        self.verdicts = verdicts;
    }

    fn cpu(&self, scenario: Scenario, (kind, tokens): (Kind, usize)) -> Option<f64> {
        let subject = Subject { kind, tokens };
        let row = self.rows.iter().find(|row| row.scenario == scenario && row.subject == subject)?;
        Some(row.median(|sample| sample.cpu))
    }

    fn ratio(&self, scenario: Scenario, one: (Kind, usize), other: (Kind, usize)) -> Option<f64> {
        Some(self.cpu(scenario, one)? / self.cpu(scenario, other)?)
    }

    fn show_rows(&self, scenario: Scenario, out: &mut String) -> fmt::Result {
        let rows: Vec<_> = self.rows.iter().filter(|row| row.scenario == scenario).collect();
        let Some(first) = rows.first() else { return Ok(()) };
        writeln!(out, "\n{}", scenario.title())?;
        writeln!(
            out,
            "  {:<24}{:>9}{:>9}{:>9}{:>9}{:>16}{:>9}{:>9}",
            "", "req/s", "p50 ms", "p99 ms", "CPU us", "(min-max)", "x nginx", "x HAP."
        )?;
        for row in &rows {
            let cpu = row.median(|sample| sample.cpu);
            let samples = || row.samples.iter().map(|sample| sample.cpu);
            let range =
                format!("({:.1}-{:.1})", samples().fold(f64::MAX, f64::min), samples().fold(0.0, f64::max));
            let beside = |peer| match self.cpu(scenario, (peer, 1)) {
                Some(other) => format!("{:.2}", cpu / other),
                None => String::new(),
            };
            let what = match row.subject.tokens {
                1 if scenario != Scenario::Tokens => row.subject.kind.title().to_owned(),
                count => format!("{}, {count} tokens", row.subject.kind.title()),
            };
            writeln!(
                out,
                "  {what:<24}{:>9.0}{:>9.3}{:>9.3}{cpu:>9.1}{range:>16}{:>9}{:>9}",
                row.median(|sample| sample.requests_per_second),
                row.median(|sample| sample.p50),
                row.median(|sample| sample.p99),
                beside(Kind::Nginx),
                beside(Kind::Haproxy),
            )?;
        }
        if scenario == Scenario::Tokens && rows.len() > 1 {
            let cost = rows[1].median(|sample| sample.cpu) / first.median(|sample| sample.cpu);
            writeln!(out, "  many tokens / one: {cost:.2}")?;
        }
        Ok(())
    }

    fn show_syscalls(&self, out: &mut String) -> fmt::Result {
        if self.syscalls.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nSystem calls per request, under load")?;
        for counted in &self.syscalls {
            let often = counted.calls.iter().filter(|(_, count)| *count >= 0.02).take(8);
            let often: Vec<_> = often.map(|(name, count)| format!("{name} {count:.2}")).collect();
            let scenario = format!("{:?}", counted.scenario);
            let title = counted.subject.kind.title();
            writeln!(out, "  {scenario:<9}{title:<20}{:>6.1}  {}", counted.total, often.join(", "))?;
        }
        Ok(())
    }

    fn show_memory(&self, out: &mut String) -> fmt::Result {
        if !self.memory.is_empty() {
            let title = format!("Memory, {} idle connections", self.effort.connections);
            writeln!(out, "\n{title:<40}{:>10}{:>20}", "idle MiB", "KiB per connection")?;
        }
        for memory in &self.memory {
            writeln!(out, "  {:<38}{:>10.1}{:>20.1}", memory.kind.title(), memory.idle, memory.connection)?;
        }
        if let Some(large) = &self.tenants {
            let most = large.live.iter().copied().fold(0.0, f64::max);
            writeln!(
                out,
                "\ntenantry with {} tenants: {:.1} MiB, ready {:.0} ms after its start; a change live \
                 in {:.1} ms (median of {}, at most {most:.1})",
                large.tenants,
                large.resident,
                large.start,
                median(large.live.iter().copied()),
                large.live.len()
            )?;
        }
        Ok(())
    }

    fn show_verdicts(&self, out: &mut String) -> fmt::Result {
        if !self.verdicts.is_empty() {
            writeln!(out, "\n{:<42}{:>12}{:>12}", "Targets", "measured", "at most")?;
        }
        for verdict in &self.verdicts {
            let Verdict { target, measured, limit, unit, met } = verdict;
            let word = if *met { "met" } else { "MISSED" };
            let (measured, limit) = (format!("{measured:.2} {unit}"), format!("{limit:.2} {unit}"));
            writeln!(out, "  {target:<40}{measured:>12}{limit:>12}  {word}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        for line in &self.about {
            writeln!(out, "{line}")?;
        }
        let Effort { rounds, measured, .. } = self.effort;
        writeln!(
            out,
            "medians of {rounds} interleaved rounds of {measured:?}; CPU is the proxy's, user and system, per request"
        )?;
        for scenario in Scenario::ALL {
            self.show_rows(scenario, &mut out)?;
        }
        self.show_syscalls(&mut out)?;
        self.show_memory(&mut out)?;
        self.show_verdicts(&mut out)?;
        f.write_str(&out)
    }
}

impl Row {
    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of))
    }
}

/// Of an even number the mean of the middle two; not a number of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (0, 0) => f64::NAN,
        (middle, 0) => f64::midpoint(values[middle - 1], values[middle]),
        (middle, _) => values[middle],
    }
}
