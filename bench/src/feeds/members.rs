//! The receivers of a run.

use taut::Runtime;

use super::listener::ListenerKind;
use crate::harness::environment::FeatureRow;
use crate::harness::series::Series;
use crate::subject::check_names;

/// One kind, and why it can't run on this host.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) kind: ListenerKind,
    unavailable: Option<String>,
}

/// Those that are asked for, in the order of the report.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) list: Vec<Member>,
    features: Vec<FeatureRow>,
}

impl Members {
    /// All, or those that are named.
    pub(crate) fn choose(named: &[String]) -> Result<Self, String> {
        check_names(named, &ListenerKind::ALL.map(ListenerKind::name))?;
        let asked =
            |kind: &ListenerKind| named.is_empty() || named.iter().any(|name| name == kind.name());
        let mut features = Vec::new();
        let mut member = |kind: ListenerKind| {
            let built = kind.runtime().map(|runtime| runtime.build());
            if let Some(Ok(runtime)) = &built
                && features.is_empty()
            {
                features = FeatureRow::all_of(runtime);
            }
            let failed = |built: Result<Runtime, taut::BuildError>| built.err();
            let unavailable = built.and_then(failed).map(|error| error.to_string());
            Member { kind, unavailable }
        };
        let list = ListenerKind::ALL.into_iter().filter(asked).map(&mut member).collect();
        Ok(Self { list, features })
    }

    /// What the host granted to the first runtime of them.
    pub(crate) fn features(&self) -> Vec<FeatureRow> {
        self.features.clone()
    }

    /// Everything to the floor, for each of these suffixes of names.
    pub(crate) fn pairs(&self, suffixes: &[String]) -> Vec<(String, String)> {
        let floor = ListenerKind::Floor;
        if !self.list.iter().any(|one| one.kind == floor) {
            return Vec::new();
        }
        let others = || self.list.iter().filter(|one| one.kind != floor);
        let pair = |one: &Member, suffix: &String| {
            (format!("{}{suffix}", one.kind.name()), format!("{}{suffix}", floor.name()))
        };
        suffixes.iter().flat_map(|suffix| others().map(move |one| pair(one, suffix))).collect()
    }
}

impl Member {
    /// Its series of that suffix.
    pub(crate) fn series(&self, suffix: &str) -> Series {
        let mut series = Series::new(format!("{}{suffix}", self.kind.name()));
        series.about = Some(self.kind.about().to_owned());
        series.unavailable.clone_from(&self.unavailable);
        series.polls_by_syscall = self.kind.polls_by_syscall();
        series
    }
}
