# Checks SPDX expressions against the list in deny.toml:  awk -f licences.awk deny.toml lines
# where a line is `crate version …|expression`. An exception allows one licence to one crate, which may also have
# it as a file alone. An entry of either list that nothing uses is an error too.

function fail(text) { print "check-dependencies: " text > "/dev/stderr"; failed = 1 }

# expression := term {OR term}; term := factor {AND factor}; factor := '(' expression ')' | id [WITH id]
function expression(  value, right) {
  value = term()
  while (token[at] == "OR") { at++; right = term(); value = value || right }
  return value
}
function term(  value, right) {
  value = factor()
  while (token[at] == "AND") { at++; right = factor(); value = value && right }
  return value
}
function factor(  value, id) {
  if (token[at] == "(") { at++; value = expression(); at++; return value }
  id = token[at++]
  # This version or a later one.
  sub(/\+$/, "", id)
  if (token[at] == "WITH") { id = id " WITH " token[at + 1]; at += 2 }
  if (id in allowed) { used[id] = 1; return 1 }
  return 0
}

# The list itself: the quoted strings of `allow` in the section [licenses].
FNR == NR {
  if (/^\[/) { section = $0; listing = 0 }
  if (section == "[licenses]" && /^allow[ =]/) listing = 1
  if (section == "[licenses]" && /^ *\{ crate = /) {
    split($0, quoted, "\"")
    excepted[quoted[2]] = quoted[4]
    exceptions++
  }
  if (listing) {
    line = $0
    sub(/#.*/, "", line)
    while (match(line, /"[^"]*"/)) {
      allowed[substr(line, RSTART + 1, RLENGTH - 2)] = 1
      line = substr(line, RSTART + RLENGTH)
    }
    if (/\]/) listing = 0
  }
  next
}

{
  sub(/ \(\*\)$/, "")
  bar = index($0, "|")
  if (!bar) next
  package = substr($0, 1, bar - 1)
  # Ours, not a dependency.
  if (package ~ /\(\//) next
  licence = substr($0, bar + 1)
  if (package in seen) next
  seen[package] = 1
  crates++
  split(package, word, " ")
  if (word[1] in excepted && (licence == "" || licence == excepted[word[1]])) { used[word[1]] = 1; next }
  if (licence == "") { fail(package " names no licence"); next }
  text = licence
  # The old way to write OR.
  gsub(/\//, " OR ", text)
  gsub(/[()]/, " & ", text)
  delete token
  split(text, token, " ")
  at = 1
  if (!expression()) fail(package " has the licence '" licence "', which deny.toml does not allow")
}

END {
  for (id in allowed) if (!(id in used)) fail("deny.toml allows '" id "', which nothing in the tree uses")
  for (name in excepted) if (!(name in used)) fail("deny.toml makes an exception for '" name "', which needs none")
  if (failed) exit 1
  printf "%d crates, all under licences that deny.toml allows", crates
  print exceptions ? " (" exceptions " of them as exceptions)" : ""
}
