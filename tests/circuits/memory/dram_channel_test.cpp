#include "circuits/memory/dram_channel.hpp"

#include <catch2/catch.hpp>

#include <vector>

#include "src/base/error.hpp"
#include "tests/circuits/memory/dram_text.hpp"

using namespace attohm;
using attohm::test::DramText;

namespace {

struct Step {
    DramCommand command;
    DramAddress at;
    std::int64_t cycle;
};

constexpr auto kAct = DramCommand::activate;
constexpr auto kPre = DramCommand::precharge;
constexpr auto kPreAll = DramCommand::precharge_all;
constexpr auto kRead = DramCommand::read;
constexpr auto kWrite = DramCommand::write;
constexpr auto kRef = DramCommand::refresh;

// One bank, another bank of its group, a bank of another group.
const DramAddress kHere{0, 0, 7, 3}, kSibling{0, 1, 5, 0}, kOther{1, 0, 9, 1};

DramChannel after(const DramTable& table, const std::vector<Step>& steps) {
    DramChannel channel(table);
    for (const Step& step : steps) channel.issue(step.command, step.at, step.cycle);
    return channel;
}

/// Not ready one cycle before `ready`, ready at it.
void probe(const DramTable& table, const std::vector<Step>& steps, DramCommand command,
           const DramAddress& at, std::int64_t ready) {
    DramChannel channel = after(table, steps);
    CHECK(channel.earliest(command, at) == ready);
    CHECK_THROWS_AS(channel.issue(command, at, ready - 1), InvariantError);
    CHECK_NOTHROW(channel.issue(command, at, ready));
}

/// The command fits the state of the bank in no cycle.
void probe_never(const DramTable& table, const std::vector<Step>& steps, DramCommand command,
                 const DramAddress& at) {
    DramChannel channel = after(table, steps);
    CHECK(channel.earliest(command, at) == DramChannel::kNever);
    CHECK_THROWS_AS(channel.issue(command, at, 5000), InvariantError);
}

/// Three open rows, long ago; the next command is at kLater or after.
constexpr std::int64_t kLater = 1000;
std::vector<Step> three_open() {
    return {{kAct, kHere, 0}, {kAct, kSibling, 100}, {kAct, kOther, 200}};
}

std::vector<Step> plus(std::vector<Step> steps, const Step& step) {
    steps.push_back(step);
    return steps;
}

}  // namespace

TEST_CASE("row commands wait for each distance of the table", "[unit]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const DramTable table = dram_table(name, "test");
        const std::int64_t ras = text.t("ras"), rp = text.t("rp");
        const std::vector<Step> opened = {{kAct, kHere, 40}};
        probe(table, opened, kRead, kHere, 40 + text.t("rcd"));
        probe(table, opened, kWrite, kHere, 40 + text.t("rcd"));
        probe(table, opened, kPre, kHere, 40 + ras);
        probe(table, opened, kPreAll, kHere, 40 + ras);
        probe(table, opened, kAct, kSibling, 40 + text.t("rrd_l"));
        probe(table, opened, kAct, kOther, 40 + text.t("rrd_s"));
        // One bank again: t_rc where it was closed at once, t_rp where it was closed late.
        probe(table, plus(opened, {kPre, kHere, 40 + ras}), kAct, kHere, 40 + ras + rp);
        probe(table, plus(opened, {kPre, kHere, 300}), kAct, kHere, 300 + rp);
        probe(table, plus(opened, {kPre, kHere, 300}), kRef, kHere, 300 + rp);
        probe(table, plus(three_open(), {kPreAll, kHere, 500}), kAct, kSibling, 500 + rp);
        probe(table, plus(three_open(), {kPreAll, kHere, 500}), kRef, kHere, 500 + rp);
    }
}

TEST_CASE("a fifth activate waits for the first of the four before it", "[unit]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const std::int64_t s = text.t("rrd_s"), groups = text.number("bank_groups");
        // In turn through the groups; a group's turn comes back late enough for t_rrd_l.
        REQUIRE(groups * s >= text.t("rrd_l"));
        std::vector<Step> steps;
        for (int i = 0; i < 4; ++i)
            steps.push_back({kAct,
                             {i % static_cast<int>(groups), i / static_cast<int>(groups), 1, 0},
                             10 + i * s});
        const int last_group = 4 % static_cast<int>(groups);
        const DramAddress fifth{last_group, 3, 1, 0};
        const DramTable table = dram_table(name, "test");
        probe(table, steps, kAct, fifth, 10 + std::max(text.t("faw"), 4 * s));
        // The window moves on: the sixth waits for the second.
        const std::int64_t at_fifth = 10 + text.t("faw") + 5;
        steps.push_back({kAct, fifth, at_fifth});
        const DramAddress sixth{1, 2, 1, 0};
        probe(table, steps, kAct, sixth,
              std::max(10 + s + text.t("faw"), at_fifth + (last_group == 1 ? text.t("rrd_l") : s)));
    }
}

TEST_CASE("column commands wait for bus, group and direction", "[unit]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const DramTable table = dram_table(name, "test");
        const std::int64_t burst = text.burst();
        const std::int64_t turn = text.t("cl") + burst + text.t("bus_turnaround") - text.t("cwl");
        for (const DramCommand command : {kRead, kWrite}) {
            const std::vector<Step> steps = plus(three_open(), {command, kHere, kLater});
            probe(table, steps, command, kHere, kLater + text.spacing(true));
            probe(table, steps, command, kSibling, kLater + text.spacing(true));
            probe(table, steps, command, kOther, kLater + text.spacing(false));
        }
        const std::vector<Step> read = plus(three_open(), {kRead, kHere, kLater});
        for (const DramAddress& at : {kHere, kSibling, kOther})
            probe(table, read, kWrite, at, kLater + turn);
        probe(table, read, kPre, kHere, kLater + text.t("rtp"));
        const std::vector<Step> written = plus(three_open(), {kWrite, kHere, kLater});
        const std::int64_t end = kLater + text.t("cwl") + burst;
        probe(table, written, kRead, kHere, end + text.t("wtr_l"));
        probe(table, written, kRead, kSibling, end + text.t("wtr_l"));
        probe(table, written, kRead, kOther, end + text.t("wtr_s"));
        probe(table, written, kPre, kHere, end + text.t("wr"));
        // All banks: the slowest one decides.
        probe(table, plus(written, {kRead, kOther, end + text.t("wtr_s")}), kPreAll, kHere,
              std::max(end + text.t("wr"), end + text.t("wtr_s") + text.t("rtp")));
        CHECK(after(table, read).data_end() == kLater + text.t("cl") + burst);
        CHECK(after(table, written).data_end() == end);
    }
}

TEST_CASE("refreshes take t_rfc and fall due every t_refi", "[unit]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const DramTable table = dram_table(name, "test");
        const std::vector<Step> refreshed = {{kRef, kHere, 50}};
        probe(table, refreshed, kAct, kHere, 50 + text.t("rfc"));
        probe(table, refreshed, kAct, kOther, 50 + text.t("rfc"));
        probe(table, refreshed, kRef, kHere, 50 + text.t("rfc"));

        const std::int64_t refi = text.t("refi"), most = text.number("refresh_postponed_max");
        DramChannel channel(table);
        for (std::int64_t k = 1; k <= 3; ++k) {
            CHECK(channel.refreshes_owed(k * refi - 1) == k - 1);
            CHECK(channel.refreshes_owed(k * refi) == k);
        }
        CHECK(channel.refresh_due() == refi);
        // Up to `most` may be owed; the next one must come before another row.
        const std::int64_t deadline = (most + 1) * refi;
        DramChannel late(table);
        CHECK_NOTHROW(late.issue(kAct, kHere, deadline - 1));
        CHECK(late.earliest(kRead, kHere) == DramChannel::kNever);
        CHECK_THROWS_AS(channel.issue(kAct, kHere, deadline), InvariantError);
        channel.issue(kRef, kHere, deadline);
        CHECK(channel.refreshes_owed(deadline) == most);
        CHECK_NOTHROW(channel.issue(kAct, kHere, deadline + text.t("rfc")));
    }
}

TEST_CASE("commands that do not fit the state are refused, one comes per clock", "[unit]") {
    const DramTable table = dram_table("dram-ddr4-2400", "test");
    DramAddress wrong_row = kHere;
    wrong_row.row = 8;
    probe_never(table, {}, kRead, kHere);
    probe_never(table, {}, kWrite, kHere);
    probe_never(table, {}, kPre, kHere);
    probe_never(table, {}, kPreAll, kHere);
    probe_never(table, {{kAct, kHere, 0}}, kRead, wrong_row);
    probe_never(table, {{kAct, kHere, 0}}, kWrite, wrong_row);
    probe_never(table, {{kAct, kHere, 0}}, kAct, wrong_row);
    probe_never(table, {{kAct, kHere, 0}}, kRef, kHere);
    probe_never(table, {{kAct, kHere, 0}}, kRead, kSibling);
    // The command bus: nothing else binds two precharges of different banks.
    probe(table, plus(three_open(), {kPre, kHere, 600}), kPre, kOther, 601);
    DramChannel channel = after(table, three_open());
    CHECK(channel.open_row(0, 0) == 7);
    CHECK_FALSE(channel.open_row(1, 1).has_value());
    // Open from 0 until all three are closed.
    channel.issue(kPreAll, kHere, 700);
    CHECK(channel.all_closed());
    CHECK(channel.counts(900).open_cycles == 700);
    CHECK(channel.counts(900).activations == 3);
}
