//! The fingerprint of host and run that a figure is worthless without.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::clock::Clock;
use super::cores::Cores;
use super::host;

/// Options of the kernel's command line that bear on latency.
const BOOT_OPTIONS: [&str; 14] = [
    "isolcpus",
    "nohz",
    "nohz_full",
    "rcu_nocbs",
    "irqaffinity",
    "idle",
    "intel_idle.max_cstate",
    "processor.max_cstate",
    "cpuidle.off",
    "mitigations",
    "nosmt",
    "clocksource",
    "tsc",
    "skew_tick",
];

/// One row of the runtime's feature table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeatureRow {
    pub(crate) name: String,
    pub(crate) asked: bool,
    pub(crate) granted: bool,
    pub(crate) reason: String,
}

impl FeatureRow {
    /// The whole table of a runtime.
    pub(crate) fn all_of(runtime: &taut::Runtime) -> Vec<Self> {
        let row = |row: &taut::Feature| Self {
            name: row.name.to_string(),
            asked: row.asked,
            granted: row.granted,
            reason: row.reason.to_string(),
        };
        runtime.features().rows().map(row).collect()
    }
}

/// Everything that is not a measurement; `None` where the host does not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) started_utc: String,
    pub(crate) command_line: String,
    /// What a sample is.
    pub(crate) measures: String,
    /// The workload's settings, as names and values.
    #[serde(serialize_with = "as_object", deserialize_with = "from_object")]
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) compiler: String,
    pub(crate) kernel: Option<String>,
    pub(crate) boot_options: Vec<String>,
    pub(crate) cpu_model: Option<String>,
    pub(crate) cpus_online: Option<String>,
    pub(crate) cpus_allowed: String,
    pub(crate) server_core: usize,
    pub(crate) client_core: usize,
    pub(crate) server_core_siblings: String,
    pub(crate) client_core_siblings: String,
    pub(crate) cpus_isolated: String,
    pub(crate) cpus_nohz_full: String,
    pub(crate) governor: Option<String>,
    pub(crate) clocksource: Option<String>,
    pub(crate) time_source: String,
    pub(crate) time_source_drift_ppm: f64,
    pub(crate) virtualised: bool,
    pub(crate) server_core_steal_percent: f64,
    pub(crate) client_core_steal_percent: f64,
    pub(crate) io_uring_disabled: Option<String>,
    pub(crate) features: Vec<FeatureRow>,
    pub(crate) notes: Vec<String>,
}

impl Environment {
    /// Reads the host's part; the caller adds what it knows once the run is over.
    pub(crate) fn read(cores: &Cores, clock: &Clock) -> Self {
        let cpuinfo = host::read("/proc/cpuinfo").unwrap_or_default();
        let list = |name: &str| {
            host::read(format!("/sys/devices/system/cpu/{name}"))
                .filter(|list| !list.is_empty() && list != "(null)")
                .unwrap_or_else(|| "none".to_owned())
        };
        let governor =
            format!("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", cores.server);
        Self {
            started_utc: utc_now(),
            command_line: std::env::args().collect::<Vec<_>>().join(" "),
            measures: String::new(),
            settings: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("TAUT_BENCH_COMMIT").to_owned(),
            compiler: env!("TAUT_BENCH_RUSTC").to_owned(),
            kernel: host::read("/proc/sys/kernel/osrelease"),
            boot_options: boot_options(&host::read("/proc/cmdline").unwrap_or_default()),
            cpu_model: host::cpu_field(&cpuinfo, "model name"),
            cpus_online: host::read("/sys/devices/system/cpu/online"),
            cpus_allowed: host::format_list(&cores.allowed),
            server_core: cores.server,
            client_core: cores.client,
            server_core_siblings: host::format_list(&host::siblings(cores.server)),
            client_core_siblings: host::format_list(&host::siblings(cores.client)),
            cpus_isolated: list("isolated"),
            cpus_nohz_full: list("nohz_full"),
            governor: host::read(governor),
            clocksource: host::read(
                "/sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
            time_source: clock.describe(),
            time_source_drift_ppm: 0.0,
            virtualised: host::cpu_has(&cpuinfo, &["hypervisor"]),
            server_core_steal_percent: 0.0,
            client_core_steal_percent: 0.0,
            io_uring_disabled: host::read("/proc/sys/kernel/io_uring_disabled"),
            features: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Names and values for the printed report.
    pub(crate) fn rows(&self) -> Vec<(String, String)> {
        let row = |(name, value): (&str, String)| (name.to_owned(), value);
        let mut rows: Vec<(String, String)> = [
            ("started", self.started_utc.clone()),
            ("command", self.command_line.clone()),
            ("measures", self.measures.clone()),
        ]
        .map(row)
        .into();
        rows.extend(self.settings.iter().cloned());
        rows.extend(
            [
                ("taut", format!("{}, commit {}", self.version, self.commit)),
                ("compiler", self.compiler.clone()),
            ]
            .map(row),
        );
        rows.extend(self.host_rows().into_iter().map(row));
        rows
    }

    fn host_rows(&self) -> Vec<(&'static str, String)> {
        let or_unknown = |value: &Option<String>| value.as_deref().unwrap_or("unknown").to_owned();
        let core = |core: usize, siblings: &str, steal: f64| {
            format!("{core} (SMT siblings {siblings}; {steal:.2} % stolen during the run)")
        };
        let server =
            core(self.server_core, &self.server_core_siblings, self.server_core_steal_percent);
        let client =
            core(self.client_core, &self.client_core_siblings, self.client_core_steal_percent);
        let boot = match self.boot_options.as_slice() {
            [] => "none that bear on latency".to_owned(),
            options => options.join(" "),
        };
        let virtualised = if self.virtualised { "yes" } else { "no" };
        let online = or_unknown(&self.cpus_online);
        let (isolated, nohz_full) = (&self.cpus_isolated, &self.cpus_nohz_full);
        let clocksource = or_unknown(&self.clocksource);
        vec![
            ("kernel", or_unknown(&self.kernel)),
            ("boot options", boot),
            ("CPU", or_unknown(&self.cpu_model)),
            ("virtualised", virtualised.to_owned()),
            ("server core", server),
            ("client core", client),
            ("cores", format!("online {online}, allowed {}", self.cpus_allowed)),
            ("isolation", format!("isolated {isolated}, nohz_full {nohz_full}")),
            ("governor", or_unknown(&self.governor)),
            ("clock", format!("{}; clocksource {clocksource}", self.time_source)),
            ("io_uring_disabled", or_unknown(&self.io_uring_disabled)),
        ]
    }

    /// The runtime's features as names and values for the printed report.
    pub(crate) fn feature_rows(&self) -> Vec<(String, String)> {
        let state = |row: &FeatureRow| match (row.asked, row.granted) {
            (_, true) => "granted",
            (true, false) => "refused",
            (false, false) => "not asked",
        };
        let words = |row: &FeatureRow| match row.reason.as_str() {
            "" => state(row).to_owned(),
            reason => format!("{}: {reason}", state(row)),
        };
        self.features.iter().map(|row| (row.name.clone(), words(row))).collect()
    }
}

fn as_object<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

/// The pairs in the order of the file.
fn from_object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, String)>, D::Error> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    deserializer.deserialize_map(Pairs)
}

fn boot_options(command_line: &str) -> Vec<String> {
    let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
    command_line
        .split_whitespace()
        .filter(|option| BOOT_OPTIONS.contains(&name(option).as_str()))
        .map(str::to_owned)
        .collect()
}

fn utc_now() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    utc(since_epoch.as_secs())
}

/// Seconds since 1970 as `2026-11-23T08:15:00Z`.
fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Counted from 1 March of the year 0, so that a leap day ends its year: every 400 years have
    // the same 146 097 days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        time / 3_600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(utc(4_102_444_800), "2100-01-01T00:00:00Z");
    }

    #[test]
    fn only_boot_options_about_latency_are_kept() {
        let line = "BOOT_IMAGE=/vmlinuz quiet isolcpus=2-3 nohz_full=2-3 root=/dev/sda nosmt";
        assert_eq!(boot_options(line), ["isolcpus=2-3", "nohz_full=2-3", "nosmt"]);
    }
}
