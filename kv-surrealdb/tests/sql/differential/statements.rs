//! Single statements. Nothing in them depends on the time or on chance, but for the seed.

use super::random::Random;

const WORDS: &[&str] = &["red", "green", "blue", "old", "new", "Red", "slow"];
const TAGS: &[&str] = &["a", "b", "c", "d", "e"];

/// The identity of an item: a number, a text or a pair.
fn item(random: &mut Random) -> String {
    match random.below(10) {
        0..7 => format!("item:{}", random.below(25)),
        7 => format!("item:x{}", random.below(4)),
        _ => format!("item:['{}', {}]", random.pick(TAGS), random.below(4)),
    }
}

fn person(random: &mut Random) -> String {
    format!("person:{}", random.below(9))
}

fn edge(random: &mut Random) -> String {
    format!("knows:{}", random.below(30))
}

/// A range of items, which may be empty.
fn range(random: &mut Random) -> String {
    let (from, to) = (random.below(25), random.below(25));
    let (tag, up_to) = (random.pick(TAGS), random.pick(TAGS));
    match random.below(7) {
        0 => format!("item:{from}.."),
        1 => format!("item:..{to}"),
        2 => format!("item:{}..={}", from.min(to), from.max(to)),
        3 => format!("item:{}>..{}", from.min(to), from.max(to)),
        4 => format!("item:['{}', 1]..=['{}', 3]", tag.min(up_to), tag.max(up_to)),
        5 => format!("item:['{tag}']..['{tag}', {{}}]"),
        _ => format!("item:{}..{}", from.min(to), from.max(to)),
    }
}

fn condition(random: &mut Random) -> String {
    let n = random.below(12);
    match random.below(9) {
        0 => format!("n = {n}"),
        1 => format!("n > {n}"),
        2 => format!("n IN [{n}, {}]", n / 2),
        3 => format!("n = {n} AND tag = '{}'", random.pick(TAGS)),
        4 => format!("n >= {} AND n < {n}", n / 2),
        5 => format!("code = {}", random.below(40)),
        6 => format!("list CONTAINS {n}"),
        7 => format!("tag = '{}' OR n = {n}", random.pick(TAGS)),
        _ => format!("text @@ '{}'", random.pick(WORDS)),
    }
}

fn content(random: &mut Random) -> String {
    let text = if random.chance(5) { "long ".repeat(400) } else { random.pick(WORDS).into() };
    format!(
        "{{ n: {}, tag: '{}', code: {}, list: [{}, {}], text: '{text} {}' }}",
        random.below(12),
        random.pick(TAGS),
        random.below(40),
        random.below(12),
        random.below(12),
        random.pick(WORDS)
    )
}

fn returned(random: &mut Random) -> &'static str {
    random.pick(&["", "", " RETURN BEFORE", " RETURN AFTER", " RETURN DIFF", " RETURN NONE"])
}

/// A statement that writes.
pub(super) fn change(random: &mut Random) -> String {
    let returned = returned(random);
    match random.below(24) {
        0..3 => format!("CREATE {} CONTENT {}", item(random), content(random)),
        3 => format!("UPSERT {} CONTENT {}{returned}", item(random), content(random)),
        4 => format!("UPSERT {} SET n += 1, tag = '{}'{returned}", item(random), random.pick(TAGS)),
        5 => format!("UPDATE {} SET n += 1{returned}", item(random)),
        6 => format!("UPDATE item SET n -= 1, seen = true WHERE {}{returned}", condition(random)),
        7 => format!("UPDATE {} MERGE {{ inner: {{ at: {} }} }}{returned}", range(random), random.below(9)),
        8 => format!("UPDATE {} UNSET code{returned}", item(random)),
        9 => format!("DELETE {} RETURN BEFORE", item(random)),
        10 => format!("DELETE item WHERE {} RETURN BEFORE", condition(random)),
        11 => format!("DELETE {} RETURN BEFORE", range(random)),
        12 => {
            let rows: Vec<_> = (0..1 + random.below(12))
                .map(|_| content(random).replacen("{ ", &format!("{{ id: {}, ", item(random)), 1))
                .collect();
            let ignore = random.pick(&["", " IGNORE"]);
            format!("INSERT{ignore} INTO item [{}] ON DUPLICATE KEY UPDATE n += 1", rows.join(", "))
        }
        13 | 14 => {
            let (name, age) = (random.pick(WORDS), random.below(60) as i32 - 3);
            format!("CREATE {} SET name = '{name}{}', age = {age}", person(random), random.below(6))
        }
        15 => format!("UPSERT {} SET name = 'p{}', age = {}", person(random), random.below(9), random.below(60)),
        16 => format!("UPDATE person SET age += {} WHERE age > {}", random.below(3), random.below(60)),
        17 => format!("UPDATE {} SET best = {}{returned}", person(random), person(random)),
        18 => format!("DELETE {} RETURN BEFORE", person(random)),
        19 | 20 => {
            let (from, edge, to) = (person(random), edge(random), person(random));
            format!("RELATE {from}->{edge}->{to} SET since = {}", 1990 + random.below(30))
        }
        21 => {
            let (edge, from, to) = (edge(random), person(random), person(random));
            format!("INSERT RELATION INTO knows {{ id: {edge}, in: {from}, out: {to}, since: 1980 }}")
        }
        22 => format!("DELETE {}->knows WHERE since > {} RETURN BEFORE", person(random), 1990 + random.below(30)),
        _ => format!("CREATE extra:{} SET n = {}", random.below(200), random.below(5)),
    }
}

/// A statement that reads.
pub(super) fn query(random: &mut Random) -> String {
    let order = random.pick(&[
        "",
        " ORDER BY id",
        " ORDER BY n, id",
        " ORDER BY tag DESC, id DESC",
        " ORDER BY n DESC, id",
        " ORDER BY id DESC",
    ]);
    let limit = match random.below(3) {
        0 => format!(" LIMIT {} START {}", random.below(8), random.below(5)),
        1 => format!(" LIMIT {}", random.below(8)),
        _ => String::new(),
    };
    match random.below(16) {
        0 | 1 => format!("SELECT * FROM {}", item(random)),
        2 | 3 => format!("SELECT id, n, tag FROM {}{order}{limit}", range(random)),
        4..7 => format!("SELECT id, n, tag FROM item WHERE {}{order}{limit}", condition(random)),
        7 => format!("SELECT id, n, tag FROM item{order}{limit}"),
        8 => format!(
            "SELECT tag, count() AS c, math::sum(n) AS s FROM item WHERE {} GROUP BY tag ORDER BY tag",
            condition(random)
        ),
        9 => format!("SELECT count() FROM {} GROUP ALL", random.pick(&["item", "person", "knows", "item WHERE n > 3"])),
        10 => format!("SELECT ->knows->person.name AS a, <-knows<-person AS b FROM {}", person(random)),
        11 => format!("SELECT VALUE ->knows[WHERE since > 2000]->person->knows->person FROM {}", person(random)),
        12 => format!("SELECT * FROM item ORDER BY id DESC{limit}"),
        13 => format!("SELECT VALUE id FROM extra{order}{limit}"),
        14 => "SELECT name, best.name, best.best.age AS far FROM person ORDER BY name FETCH best".into(),
        _ => format!("SELECT VALUE name FROM person WHERE name = '{}{}'", random.pick(WORDS), random.below(6)),
    }
}

/// A statement that changes the schema.
pub(super) fn definition(random: &mut Random) -> String {
    random
        .pick(&[
            "DEFINE INDEX OVERWRITE code ON item FIELDS code",
            "DEFINE INDEX OVERWRITE code ON item FIELDS code UNIQUE",
            "DEFINE INDEX OVERWRITE list ON item FIELDS list",
            "DEFINE INDEX OVERWRITE all ON item COUNT",
            "DEFINE INDEX OVERWRITE text ON item FIELDS text FULLTEXT ANALYZER words",
            "REMOVE INDEX IF EXISTS code ON item",
            "REMOVE INDEX IF EXISTS list ON item",
            "REMOVE INDEX IF EXISTS text ON item",
            "REBUILD INDEX IF EXISTS pairs ON item",
            "REMOVE TABLE IF EXISTS extra",
            "CREATE |extra:300..900| SET n = 1 RETURN NONE",
            "DEFINE TABLE OVERWRITE extra; DEFINE FIELD OVERWRITE double ON extra VALUE n * 2",
        ])
        .into()
}
