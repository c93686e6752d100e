//! Takes the steps.

use super::pair::Pair;
use super::step::{End, SLOTS, Step, Steps};
use super::tally::Tally;
use super::world::{Chore, World};
use crate::case::Random;
use crate::fixture::Mismatch;
use crate::model::{Reference, ReferenceTransaction, Verdict};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kv_api::{Capabilities, Datastore, Durability, Error, ErrorKind, Key, Result, TransactionOptions, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Steps before the one that went wrong which a failure shows.
const SHOWN: usize = 30;

/// The state of both stores.
pub(super) struct Simulation<'a> {
    pub(super) world: &'a dyn World,
    /// Decides what is compared; steps have numbers of their own.
    pub(super) random: Random,
    steps: Steps,
    /// `None` only between the end of one and the next.
    pub(super) store: Option<Arc<dyn Datastore>>,
    pub(super) declared: Capabilities,
    pub(super) model: Reference,
    pub(super) slots: [Option<Pair>; SLOTS],
    /// The version of each commit, in either store. The first has the number 1.
    pub(super) commits: Vec<(Version, Version)>,
    /// So many of them survive whatever happens.
    pub(super) durable: usize,
    /// A commit of which nobody knows, which would be the next.
    pub(super) doubt: Option<ReferenceTransaction>,
    pub(super) tags: BTreeMap<String, (Version, Version)>,
    /// A tag that may have been made, or removed, and what it would stand for.
    pub(super) tag_in_doubt: Option<(String, (Version, Version))>,
    /// The floor of history is not above this version.
    pub(super) forgotten: Version,
    /// What was asked for and has not ended.
    asked: Vec<Asked>,
    /// Whether the store has said that it must be opened again.
    pub(super) must_reopen: bool,
    /// So many commits survived the last end.
    pub(super) least: usize,
    pub(super) tally: Tally,
    taken: Vec<String>,
}

/// Something that the store was asked for.
struct Asked {
    chore: Chore,
    /// The commits that there were.
    commits: usize,
    ends: BoxFuture<'static, Result<()>>,
}

/// What says which commit of a slot was the last.
pub(super) fn marker(slot: usize) -> Key {
    format!("slot/{slot}").into()
}

impl<'a> Simulation<'a> {
    /// Opens an empty store.
    pub(super) async fn begin(world: &'a dyn World, seed: u64) -> std::result::Result<Self, Mismatch> {
        let store = world.open().await?;
        let declared = store.capabilities();
        Ok(Self {
            world,
            random: Random::of(&[seed, 2]),
            steps: Steps::new(seed),
            model: Reference::new().capabilities(declared.clone()),
            store: Some(store),
            declared,
            slots: Default::default(),
            commits: Vec::new(),
            durable: 0,
            doubt: None,
            tags: BTreeMap::new(),
            tag_in_doubt: None,
            forgotten: 0,
            asked: Vec::new(),
            must_reopen: false,
            least: 0,
            tally: Tally::default(),
            taken: Vec::new(),
        })
    }

    /// Takes so many steps, and ends the store.
    pub(super) async fn run(&mut self, steps: usize) -> std::result::Result<(), String> {
        for number in 0..steps {
            let step = self.steps.next(number);
            self.taken.push(format!("{number}: {step:?}"));
            self.tally.steps += 1;
            let taken = self.take(&step).await;
            taken.map_err(|what| self.report(&format!("step {number}, {step:?}: {what}")))?;
        }
        let ended = async {
            self.end(End::Shutdown).await?;
            self.open_again(None).await?;
            self.compare_life().await
        };
        ended.await.map_err(|what: Mismatch| self.report(&format!("after the last step: {what}")))
    }

    fn report(&self, what: &str) -> String {
        let shown = &self.taken[self.taken.len().saturating_sub(SHOWN)..];
        format!("{what}\n{}\nso far: {}; the last steps:\n  {}", self.shown(), self.tally, shown.join("\n  "))
    }

    fn shown(&self) -> String {
        format!(
            "commits {}, durable {}, newest {:?}, forgotten {}, tags {:?}, {:?}",
            self.commits.len(),
            self.durable,
            self.commits.last(),
            self.forgotten,
            self.tags,
            self.world.happened()
        )
    }

    pub(super) fn store(&self) -> std::result::Result<&Arc<dyn Datastore>, Mismatch> {
        self.store.as_ref().ok_or_else(|| Mismatch("the store is not open".into()))
    }

    /// The versions of a commit, by a number of any size.
    pub(super) fn commit_of(&self, n: usize) -> Option<(Version, Version)> {
        let n = n.checked_rem(self.commits.len()).filter(|_| self.declared.versioned_reads)?;
        self.commits.get(n).copied()
    }

    /// Whether an error may come of what has gone wrong below the store.
    pub(super) fn is_excused(&self, error: &Error) -> bool {
        let may_fail = matches!(error.kind(), ErrorKind::Io | ErrorKind::UnknownOutcome | ErrorKind::Unavailable);
        let happened = self.world.happened();
        may_fail && (happened.failures > 0 || happened.power_loss)
    }

    async fn take(&mut self, step: &Step) -> std::result::Result<(), Mismatch> {
        self.do_step(step).await?;
        self.poll_asked(false).await?;
        // What that has begun in the background comes to its first operation.
        self.world.go_on(0);
        if self.world.happened().power_loss {
            // With the power, whatever had not been answered by then.
            self.tally.midway += 1;
            self.end(End::Kill).await?;
            return self.open_again(None).await;
        }
        if self.must_reopen {
            self.end(End::Kill).await?;
            return self.open_again(None).await;
        }
        Ok(())
    }

    async fn do_step(&mut self, step: &Step) -> std::result::Result<(), Mismatch> {
        match step {
            Step::Write(slot, write) => {
                let pair = self.writer(*slot).await?;
                match pair.write(write).await? {
                    Ok(()) => self.slots[*slot] = Some(pair),
                    Err(e) if self.is_excused(&e) => {}
                    Err(e) => return Err(Mismatch(format!("it answers {e:?}"))),
                }
            }
            Step::Commit(slot) => return self.commit(*slot).await,
            Step::Drop(slot) => self.slots[*slot] = None,
            Step::Look(slot) => self.slots[*slot] = Some(self.reader().await?),
            Step::Read(slot, read) => {
                let pair = match self.slots[*slot].take() {
                    Some(pair) => pair,
                    None => self.reader().await?,
                };
                self.compare_read(&pair, read).await?;
                self.slots[*slot] = Some(pair);
            }
            Step::Compare(slot) => {
                let pair = match self.slots[*slot].take() {
                    Some(pair) => pair,
                    None => self.reader().await?,
                };
                self.compare_all(&pair, None, true).await?;
                self.slots[*slot] = Some(pair);
            }
            Step::Past(n) => {
                let pair = self.reader().await?;
                self.compare_past(&pair, *n).await?;
            }
            Step::Tag(n) => return self.tag(*n, None).await,
            Step::TagPast(n, of) => return self.tag(*n, self.commit_of(*of)).await,
            Step::Untag(n) => return self.untag(*n).await,
            Step::Ask(chore) => {
                let newest = self.commits.last().map_or(0, |commit| commit.0);
                if *chore == Chore::Forget {
                    self.forgotten = self.forgotten.max(newest);
                }
                let ends = self.world.chore(self.store()?.clone(), *chore);
                self.asked.push(Asked { chore: *chore, commits: self.commits.len(), ends });
            }
            Step::Await => return self.poll_asked(true).await,
            Step::GoOn(operations) => self.world.go_on(*operations),
            Step::Arm(fault, after, seed) => self.world.arm(*fault, *after, *seed),
            Step::Reopen(end) => {
                self.end(*end).await?;
                // Now and then the next does not come to its end.
                let armed = self.random.chance(25).then(|| (self.random.below(40) as u64, self.random.next()));
                return self.open_again(armed).await;
            }
        }
        Ok(())
    }

    /// The transaction of a slot where that writes, or one that begins.
    async fn writer(&mut self, slot: usize) -> std::result::Result<Pair, Mismatch> {
        use kv_api::Transactable as _;
        match self.slots[slot].take() {
            Some(pair) if pair.model.writeable() => Ok(pair),
            _ => {
                let options = TransactionOptions::write();
                Ok(Pair { tested: self.store()?.begin(options).await?, model: self.model.transaction(options)? })
            }
        }
    }

    async fn commit(&mut self, slot: usize) -> std::result::Result<(), Mismatch> {
        use kv_api::Transactable as _;
        let pair = self.writer(slot).await?;
        let number = self.commits.len() + 1;
        let val = kv_api::Val::from(number.to_string());
        let marked = pair.tested.set(marker(slot), val.clone()).await;
        marked?;
        pair.model.set(marker(slot), val).await?;
        let verdict = pair.model.verdict();
        let answer = pair.tested.commit().await;
        if self.world.happened().power_loss {
            // It may have been acknowledged by a machine that was not there any more.
            self.doubt = Some(pair.model);
            return Ok(());
        }
        match (verdict, answer) {
            (Verdict::Succeeds | Verdict::Either, Ok(())) => {
                pair.model.commit().await?;
                self.tally.commits += 1;
                self.note_commit(pair.tested.commit_version())
            }
            (Verdict::Conflicts | Verdict::Either, Err(Error::TransactionConflict { .. })) => {
                self.tally.conflicts += 1;
                pair.model.cancel().await?;
                Ok(())
            }
            (_, Err(e)) if self.is_excused(&e) => {
                match e.kind() {
                    // It is not in the store and will not be.
                    ErrorKind::Io => pair.model.cancel().await?,
                    ErrorKind::UnknownOutcome => {
                        self.doubt = Some(pair.model);
                        self.must_reopen = true;
                    }
                    _ => {
                        pair.model.cancel().await?;
                        self.must_reopen = true;
                    }
                }
                Ok(())
            }
            (verdict, answer) => Err(Mismatch(format!("it answers {answer:?}, and that {verdict:?}"))),
        }
    }

    /// Remembers the version of the commit just made, in both stores.
    pub(super) fn note_commit(&mut self, tested: Option<Version>) -> std::result::Result<(), Mismatch> {
        let before = self.commits.last().copied().unwrap_or_default();
        let versions = (tested.unwrap_or(0), self.model.newest());
        if self.declared.versioned_reads && versions.0 <= before.0 {
            return Err(Mismatch(format!("version {} comes after version {}", versions.0, before.0)));
        }
        self.commits.push(versions);
        if self.declared.durability == Durability::PowerLoss {
            self.durable = self.commits.len();
        }
        if self.asked.iter().any(|asked| asked.chore == Chore::Forget) {
            self.forgotten = versions.0;
        }
        Ok(())
    }

    async fn tag(&mut self, n: usize, at: Option<(Version, Version)>) -> std::result::Result<(), Mismatch> {
        let Some(newest) = self.commits.last().copied().filter(|_| self.declared.tags) else { return Ok(()) };
        let name = format!("tag{n}");
        let stands_for = at.unwrap_or(newest);
        let covered = self.commits.len();
        let answer = self.store()?.tag(&name, at.map(|at| at.0)).await;
        if self.world.happened().power_loss {
            self.tag_in_doubt = Some((name, stands_for));
            return Ok(());
        }
        match answer {
            Ok(version) if version == stands_for.0 && !self.tags.contains_key(&name) => {
                self.model.tag(&name, Some(stands_for.1)).await?;
                self.tags.insert(name, stands_for);
                self.durable = self.durable.max(covered);
                Ok(())
            }
            Err(Error::TagExists { version, .. }) if self.tags.get(&name).is_some_and(|at| at.0 == version) => Ok(()),
            Err(Error::VersionNotRetained { oldest, .. }) if stands_for.0 < oldest && oldest <= self.forgotten => {
                Ok(())
            }
            Err(e) if self.is_excused(&e) => {
                self.tag_in_doubt = Some((name, stands_for));
                self.must_reopen = true;
                Ok(())
            }
            other => Err(Mismatch(format!("it answers {other:?} and would stand for {stands_for:?}"))),
        }
    }

    async fn untag(&mut self, n: usize) -> std::result::Result<(), Mismatch> {
        if !self.declared.tags {
            return Ok(());
        }
        let name = format!("tag{n}");
        let stood_for = self.tags.get(&name).copied();
        let answer = self.store()?.untag(&name).await;
        if self.world.happened().power_loss {
            self.tag_in_doubt = stood_for.map(|at| (name, at));
            return Ok(());
        }
        match (answer, stood_for) {
            (Ok(version), Some(at)) if version == at.0 => {
                self.forget_tag(&name).await?;
                Ok(())
            }
            (Err(Error::TagNotFound { .. }), None) => Ok(()),
            (Err(e), at) if self.is_excused(&e) => {
                self.tag_in_doubt = at.map(|at| (name, at));
                self.must_reopen = true;
                Ok(())
            }
            (other, at) => Err(Mismatch(format!("it answers {other:?} and stood for {at:?}"))),
        }
    }

    /// What a tag alone kept may go from now on.
    pub(super) async fn forget_tag(&mut self, name: &str) -> std::result::Result<(), Mismatch> {
        self.model.untag(name).await?;
        self.tags.remove(name);
        Ok(())
    }

    /// Looks at what was asked for, or waits for it.
    async fn poll_asked(&mut self, waits: bool) -> std::result::Result<(), Mismatch> {
        if waits {
            // Else it would wait for ever.
            let resumed = self.world.chore(self.store()?.clone(), Chore::Resume);
            resumed.await?;
        }
        let mut pending = Vec::new();
        for mut asked in std::mem::take(&mut self.asked) {
            let ended = if waits { Some((&mut asked.ends).await) } else { (&mut asked.ends).now_or_never() };
            match (ended, asked.chore) {
                // Of no account.
                (Some(_), _) if self.world.happened().power_loss => {}
                (Some(Ok(())), Chore::Pause | Chore::Resume) => {}
                (Some(Ok(())), _) => {
                    self.tally.chores += 1;
                    self.durable = self.durable.max(asked.commits);
                }
                (Some(Err(e)), _) if self.is_excused(&e) => {}
                (Some(Err(e)), chore) => return Err(Mismatch(format!("{chore:?} answers {e:?}"))),
                (None, _) => pending.push(asked),
            }
        }
        self.asked = pending;
        Ok(())
    }

    /// Nothing of the store is left in anybody's hands.
    pub(super) fn let_go(&mut self) -> std::result::Result<Arc<dyn Datastore>, Mismatch> {
        self.slots = Default::default();
        self.asked.clear();
        self.store.take().ok_or_else(|| Mismatch("the store is not open".into()))
    }
}
