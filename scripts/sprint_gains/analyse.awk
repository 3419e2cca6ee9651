# Tables of `attohm report --csv` as one long table. Args: -v cases="name name ...", in the order of
# the results; files gains.csv, plans.csv, plan_resources.csv, plan_traffic.csv, ledger.csv.
# Fields are taken by name and end before the first text that may hold a comma.
BEGIN {
    FS = ","
    split(cases, name_of, " ")
    print "case,machine,pricing,plan,quantity,item,value,unit"
}
FNR == 1 {
    delete at
    for (i = 1; i <= NF; i++) if (!($i in at)) at[$i] = i
    table = FILENAME
    sub(/.*\//, "", table)
    next
}
function say(pricing, plan, quantity, item, value, unit) {
    printf "%s,%s,%s,%s,%s,%s,%.6g,%s\n", name_of[$at["setting"] + 1], $at["machine"], pricing, plan, quantity, item,
        value, unit
}
table == "gains.csv" {
    with = $at["with_writes"] ? "with writes" : "without writes"
    pricing = $at["pricing"]
    plan = $at["baseline"]
    say(pricing, plan, "energy gain", with, $at["energy_gain"], "1")
    say(pricing, plan, "energy gain at least", with, $at["energy_gain_low"], "1")
    say(pricing, plan, "energy gain at most", with, $at["energy_gain_high"], "1")
    if (pricing == "paper") say("", plan, "speedup", with, $at["speedup"], "1")
}
table == "plans.csv" {
    plan = $at["plan"]
    say($at["pricing"], plan, "energy", "with writes", $at["energy_pJ"] * 1e-12, "J")
    say($at["pricing"], plan, "energy", "without writes", $at["energy_without_writes_pJ"] * 1e-12, "J")
    if ($at["pricing"] != "paper") next
    say("", plan, "latency", "with writes", $at["latency_ns"] * 1e-9, "s")
    say("", plan, "latency", "without writes", $at["latency_without_writes_ns"] * 1e-9, "s")
    say("", plan, "tokens", "found in the buffer", $at["buffer_hits"], "token")
    say("", plan, "tokens", "fetched", $at["buffer_misses"], "token")
}
table == "plan_resources.csv" { say("", $at["plan"], "busy", $at["resource"], $at["busy_cycles"], "cycle") }
table == "plan_traffic.csv" {
    say("", $at["plan"], "read", $at["tensor"], $at["read_bytes"], "byte")
    say("", $at["plan"], "written", $at["tensor"], $at["written_bytes"], "byte")
}
table == "ledger.csv" {
    id = $at["component"] "; " $at["event"]
    say($at["pricing"], $at["plan"], "count", id, $at["count"], $at["count_unit"])
    if ($at["unit_energy"] == "" || $at["unit_energy"] == "nan")
        say($at["pricing"], $at["plan"], "no figure", id, 1, "line")
    else
        say($at["pricing"], $at["plan"], "energy of", id, $at["energy_pJ"] * 1e-12, "J")
}
