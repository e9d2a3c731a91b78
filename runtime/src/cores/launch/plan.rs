//! Which core each future gets, with which settings, and whether that can be.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::crew::CoreInfo;
use super::error::CoresError;
use crate::builder::Builder;
use crate::config::WaitStrategy;
use crate::host::Topology;

/// A core to be, before it was looked at.
pub(super) struct Wish {
    pub(super) role: Option<Arc<str>>,
    pub(super) core: usize,
}

/// A core to be.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) info: CoreInfo,
    pub(super) builder: Builder,
}

/// Which cores of a run are meant: by the core's number, or by the role's name.
///
/// ```
/// use taut_runtime::cores::CoreKey;
///
/// let _: [CoreKey; 2] = [3.into(), "feed".into()];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreKey(Key);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Core(usize),
    Name(String),
}

impl From<usize> for CoreKey {
    fn from(core: usize) -> Self {
        Self(Key::Core(core))
    }
}

impl From<&str> for CoreKey {
    fn from(name: &str) -> Self {
        Self(Key::Name(name.to_owned()))
    }
}

impl CoreKey {
    /// Whether this is a core of that number and name.
    pub(in crate::cores) fn means(&self, core: usize, name: &str) -> bool {
        match &self.0 {
            Key::Core(key) => core == *key,
            Key::Name(key) => name == key,
        }
    }
}

impl fmt::Display for CoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Core(core) => write!(f, "core {core}"),
            Key::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// A change of the settings of some cores.
pub(super) type Change = (CoreKey, Box<dyn Fn(Builder) -> Builder>);

/// Gives each wish its core and settings, and refuses what can't be.
pub(super) fn plan(
    wishes: Vec<Wish>,
    template: &Builder,
    changes: &[Change],
    shared_cores_allowed: bool,
    host: &Topology,
) -> Result<Vec<Planned>, CoresError> {
    let mut planned = Vec::with_capacity(wishes.len());
    for (index, Wish { role, core }) in wishes.into_iter().enumerate() {
        let info = CoreInfo::new(index, core, host.node_of(core), role);
        let meant = changes.iter().filter(|(key, _)| key.means(info.core, &info.name));
        let builder = meant.fold(template.clone(), |builder, (_, change)| change(builder));
        planned.push(Planned { info, builder: builder.core(core) });
    }
    check_names(&planned, changes)?;
    check_sharing(&planned, shared_cores_allowed)?;
    for Planned { info, builder } in &planned {
        if let Some(why) = host.refusal(info.core)
            && !builder.config.degraded_allowed
        {
            let of = info.role().map(|role| format!(" (of {role:?})")).unwrap_or_default();
            return Err(CoresError::choice(format!("core {}{of} {why}", info.core)));
        }
    }
    Ok(planned)
}

/// Names are told apart, can be given to a thread, and those that settings are for exist.
fn check_names(planned: &[Planned], changes: &[Change]) -> Result<(), CoresError> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for CoreInfo { role, core, .. } in planned.iter().map(|planned| &planned.info) {
        let Some(role) = role.as_deref() else { continue };
        if role.is_empty() || role.contains('\0') {
            return Err(CoresError::choice(format!(
                "a role can't be named {role:?}: take a name without zero bytes, of which the \
                 system shows the first 15"
            )));
        }
        if let Some(other) = known.insert(role, *core) {
            return Err(CoresError::choice(format!(
                "two roles are named {role:?}, of core {other} and of core {core}: name them apart"
            )));
        }
    }
    for (key, _) in changes {
        if !planned.iter().any(|planned| key.means(planned.info.core, &planned.info.name)) {
            let names: Vec<_> = planned.iter().map(|planned| planned.info.name()).collect();
            return Err(CoresError::choice(format!(
                "there are settings for {key}, which is not among those to start: {}",
                names.join(", ")
            )));
        }
    }
    Ok(())
}

fn check_sharing(planned: &[Planned], allowed: bool) -> Result<(), CoresError> {
    let mut taken: HashMap<usize, &Planned> = HashMap::new();
    for next in planned {
        let core = next.info.core;
        let Some(first) = taken.insert(core, next) else { continue };
        if !allowed {
            let both = match (first.info.role(), next.info.role()) {
                (Some(first), Some(second)) => format!(" (for {first:?} and for {second:?})"),
                _ => String::new(),
            };
            return Err(CoresError::choice(format!(
                "core {core} is listed twice{both}: give each a core of its own, or say \
                 allow_shared_cores(true) where they park rather than spin"
            )));
        }
        for Planned { info, builder } in [first, next] {
            let config = &builder.config;
            if config.wait == WaitStrategy::Spin && config.host.fifo_priority.is_some() {
                return Err(CoresError::choice(format!(
                    "core {core} is shared, and {} would spin on it at a real-time priority: the \
                     others would never run; let it park, or give it a core of its own",
                    info.name()
                )));
            }
        }
    }
    Ok(())
}
