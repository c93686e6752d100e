//! Which workloads run.

use super::{Durability, Workload, table};

/// What the table depends on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The numbers of clients of the durable commits.
    pub clients: Vec<u32>,
    /// The durability of workloads that are not about it; `None` = eventual.
    pub durability: Option<Durability>,
    /// Whether the long ones are there.
    pub sustained: bool,
    /// The seconds of the steady one.
    pub steady_seconds: u32,
}

/// There is no workload of this name.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownWorkload {
    /// The name asked for.
    pub name: String,
    /// The names that exist.
    pub known: Vec<String>,
}

impl std::fmt::Display for UnknownWorkload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no workload '{}'; there are: {}", self.name, self.known.join(", "))
    }
}

impl std::error::Error for UnknownWorkload {}

/// The names of all workloads.
pub fn names(options: &Options) -> Vec<String> {
    table(options).into_iter().map(|workload| workload.name).collect()
}

/// The workloads called `wanted`, in the order of the table, with those that fill the stores they need and those that stand in; all where
/// `wanted` is empty, but for those that run only by their name. A name that ends in `*` stands for all that begin so.
///
/// # Errors
/// [`UnknownWorkload`] for a name that stands for none.
pub fn selected(options: &Options, wanted: &[String]) -> Result<Vec<Workload>, UnknownWorkload> {
    let all = table(options);
    let fits = |name: &str, wanted: &String| match wanted.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == wanted,
    };
    if let Some(unknown) = wanted.iter().find(|wanted| !all.iter().any(|workload| fits(&workload.name, wanted))) {
        return Err(UnknownWorkload { name: unknown.clone(), known: names(options) });
    }
    let chosen = |workload: &Workload| match wanted {
        [] => !workload.only_by_name(),
        _ => wanted.iter().any(|w| fits(&workload.name, w)),
    };
    let stores: Vec<_> = all.iter().filter(|w| chosen(w)).map(|w| w.store).collect();
    let stand_ins: Vec<_> = all.iter().filter(|w| chosen(w)).filter_map(|w| w.stand_in.clone()).collect();
    let needed = |w: &Workload| (w.loads() && stores.contains(&w.store)) || stand_ins.contains(&w.name);
    Ok(all.into_iter().filter(|w| chosen(w) || needed(w)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Kind;
    use std::collections::HashSet;

    fn options() -> Options {
        Options { clients: vec![1, 8], durability: None, sustained: true, steady_seconds: 600 }
    }

    fn chosen(wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|w| w.to_string()).collect();
        selected(&options(), &wanted).unwrap_or_default().into_iter().map(|w| w.name).collect()
    }

    #[test]
    fn names_are_unique() {
        let names = names(&options());
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }

    #[test]
    fn a_store_is_filled_before_it_is_used() {
        let mut filled = HashSet::new();
        for workload in table(&options()) {
            if workload.loads() {
                assert!(filled.insert(workload.store));
            }
            assert!(filled.contains(&workload.store), "{}", workload.name);
        }
    }

    #[test]
    fn choosing_brings_the_load_along() {
        assert_eq!(chosen(&["get-hot"]), ["load", "get-hot"]);
        assert_eq!(chosen(&["keys-1k"]), ["load-1k", "keys-1k"]);
        assert_eq!(chosen(&["get-as-of"]), ["load", "get-hot", "get-as-of"]);
        assert_eq!(chosen(&["commit-durable-*"]), ["load", "commit-durable-1", "commit-durable-8"]);
    }

    #[test]
    fn what_takes_long_is_left_out_unless_it_is_asked_for() {
        let all = names(&options());
        assert_eq!(chosen(&[]), all.iter().filter(|name| *name != "steady").cloned().collect::<Vec<_>>());
        assert_eq!(chosen(&["steady"]), ["load", "steady"]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_exist() {
        let error = selected(&options(), &["get-warm".into()]).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("'get-warm'") && error.contains("get-hot, get-missing"), "{error}");
    }

    #[test]
    fn the_durability_option_spares_what_is_about_durability() {
        let options = Options { durability: Some(Durability::Immediate), ..options() };
        let eventual: Vec<_> =
            table(&options).into_iter().filter(|w| w.writes() && w.durability == Durability::Eventual).collect();
        assert!(eventual.iter().all(|w| matches!(w.kind, Kind::Commit | Kind::Size | Kind::Settle)), "{eventual:?}");
    }
}
