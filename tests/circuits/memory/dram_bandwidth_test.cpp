#include <catch2/catch.hpp>

#include "circuits/memory/dram_controller.hpp"
#include "tests/circuits/memory/dram_text.hpp"

using namespace attohm;
using attohm::test::DramText;

namespace {

/// What the timing allows, by arithmetic on the table's text: cycles per burst of each limit.
struct Limits {
    explicit Limits(const DramText& t) : text(t) {}

    /// Refresh takes the channel away for t_rfc; around it nothing can run for `drain`.
    double with_refresh(double cycles, double drain) const {
        const double refi = static_cast<double>(text.t("refi"));
        return cycles * refi / (refi - static_cast<double>(text.t("rfc")) - drain);
    }
    double tail(bool write) const {
        return static_cast<double>(write ? text.t("cwl") + text.burst() + text.t("wr")
                                         : text.t("rtp"));
    }
    /// Row opened for one burst, closed, and ready to be opened again.
    double bank_cycle(bool write) const {
        const double rc = static_cast<double>(text.t("ras") + text.t("rp"));
        return std::max(rc, static_cast<double>(text.t("rcd") + text.t("rp")) + tail(write));
    }
    double row_interval() const {
        return std::max(static_cast<double>(text.t("rrd_s")),
                        static_cast<double>(text.t("faw")) / 4.0);
    }
    /// Bursts of open rows: before a refresh they end and rows close, after it one opens.
    double bus(double per_burst, bool write) const {
        const double drain = tail(write) + static_cast<double>(text.t("rp") + text.t("rcd"));
        return with_refresh(per_burst, drain - per_burst);
    }
    /// One row per burst: the last row before a refresh is read and closed first.
    double rows(double per_row, bool write) const {
        return with_refresh(per_row, bank_cycle(write) - per_row);
    }

    const DramText& text;
};

struct Case {
    DramTable table;
    DramPattern pattern;
};

/// Cycles per burst; every burst is moved once.
double achieved(const Case& c) {
    const std::int64_t burst = c.table.geometry.burst_bytes();
    const DramRun run = play(c.table, {1, burst}, c.pattern);
    CHECK(run.bursts() * burst == c.pattern.bytes);
    CHECK((c.pattern.write ? run.counts.writes : run.counts.reads) == run.bursts());
    // Refresh keeps up.
    CHECK(std::abs(run.counts.refreshes - run.cycles / c.table.timing.refi) <= 1);
    return static_cast<double>(run.cycles) / static_cast<double>(run.bursts());
}

/// Not faster than the bound (but for the last bursts after the last refresh), at most 3 % slower.
void check_within(double cycles, double bound) {
    INFO(cycles << " cycles per burst against " << bound);
    CHECK(cycles < bound * 1.03);
    CHECK(cycles > bound * 0.97);
}

constexpr std::int64_t kBursts = 30000;

}  // namespace

TEST_CASE("a stream reaches the bus less the refreshes", "[property]") {
    for (const std::string& name : dram_table_names())
        for (const bool write : {false, true}) {
            INFO(name << (write ? " write" : " read"));
            const DramText text(name);
            const Limits limits(text);
            // Neighbours in other bank groups, or in one row where that is no slower.
            const bool group_low = text.text("mapping") == "group-low";
            const double spacing = static_cast<double>(text.spacing(!group_low));
            CHECK(spacing == static_cast<double>(text.burst()));
            const Case c{dram_table(name, "test"),
                         {DramPattern::Kind::stream, kBursts * text.burst_bytes(), 0, 0, write, 0}};
            check_within(achieved(c), limits.bus(spacing, write));
        }
}

TEST_CASE("a stride within one bank group waits for its column spacing", "[property]") {
    for (const char* name : {"dram-ddr4-2400", "dram-ddr4-3200"})
        for (const bool write : {false, true}) {
            INFO(name << (write ? " write" : " read"));
            const DramText text(name);
            const std::int64_t burst = text.burst_bytes();
            CHECK(text.spacing(true) > text.burst());
            const Case c{dram_table(name, "test"),
                         {DramPattern::Kind::stride, kBursts * burst, burst,
                          text.number("bank_groups") * burst, write, 0}};
            check_within(achieved(c),
                         Limits(text).bus(static_cast<double>(text.spacing(true)), write));
        }
}

TEST_CASE("a stride that opens a row of one bank each time waits for the bank", "[property]") {
    for (const std::string& name : dram_table_names())
        for (const bool write : {false, true}) {
            INFO(name << (write ? " write" : " read"));
            const DramText text(name);
            const Limits limits(text);
            const std::int64_t burst = text.burst_bytes();
            const std::int64_t all_banks = text.banks() * text.row_bursts() * burst;
            const Case c{
                dram_table(name, "test"),
                {DramPattern::Kind::stride, kBursts / 10 * burst, burst, all_banks, write, 0}};
            const double bank = limits.bank_cycle(write);
            // One bank in turn: on average half a cycle of it is lost to a refresh.
            check_within(achieved(c), limits.with_refresh(bank, bank / 2.0));
        }
}

TEST_CASE("a stride over all banks waits for row activations", "[property]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const Limits limits(text);
        const std::int64_t burst = text.burst_bytes(), row = text.row_bursts();
        // Every burst in another bank: the next row, or a burst of every group of the next bank.
        const bool group_low = text.text("mapping") == "group-low";
        const std::int64_t groups = group_low ? text.number("bank_groups") : 1;
        const Case c{dram_table(name, "test"),
                     {DramPattern::Kind::stride, kBursts * burst, groups * burst,
                      groups * row * burst, false, 0}};
        const DramRun run = play(c.table, {1, burst}, c.pattern);
        CHECK(run.counts.activations == Approx(kBursts).epsilon(0.01));
        const double bank = limits.bank_cycle(false) / static_cast<double>(text.banks());
        CHECK(bank < limits.row_interval());
        check_within(achieved(c), limits.rows(limits.row_interval(), false));
    }
}

TEST_CASE("random bursts reach the slowest of rows, banks and bus", "[property]") {
    for (const std::string& name : dram_table_names())
        for (const bool write : {false, true}) {
            INFO(name << (write ? " write" : " read"));
            const DramText text(name);
            const Limits limits(text);
            Case c{dram_table(name, "test"),
                   {DramPattern::Kind::random, kBursts * text.burst_bytes(), text.burst_bytes(), 0,
                    write, 5}};
            // The timing is on trial, not the queue: it must not leave a bank without a request.
            c.table.window = 512;
            const double bank = limits.bank_cycle(write) / static_cast<double>(text.banks());
            const double slowest =
                std::max({limits.row_interval(), bank, static_cast<double>(text.burst())});
            check_within(achieved(c), limits.rows(slowest, write));
        }
}

TEST_CASE("a short queue costs random bandwidth where banks are the limit", "[property]") {
    const DramTable table = dram_table("dram-lpddr4-2400", "test");
    const std::int64_t burst = table.geometry.burst_bytes();
    const DramPattern pattern{DramPattern::Kind::random, 5000 * burst, burst, 0, true, 5};
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    for (const int window : {1, 4, 16, 64, 256}) {
        DramTable queued = table;
        queued.window = window;
        const std::int64_t cycles = play(queued, {1, burst}, pattern).cycles;
        CHECK(cycles < before);
        before = cycles;
    }
}

TEST_CASE("one burst takes its latency, channels share a stream", "[unit]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const DramTable table = dram_table(name, "test");
        const std::int64_t burst = text.burst_bytes();
        const DramRun one = play(table, {1, burst}, {DramPattern::Kind::stream, burst});
        CHECK(one.cycles == text.t("rcd") + text.t("cl") + text.burst());
        CHECK(one.counts.activations == 1);
        // Eight channels: each takes every eighth burst, all at the same time.
        const DramRun eight = play(table, {8, burst}, {DramPattern::Kind::stream, 800 * burst});
        const DramRun alone = play(table, {1, burst}, {DramPattern::Kind::stream, 100 * burst});
        CHECK(eight.cycles == alone.cycles);
        CHECK(eight.channel_cycles == 8 * alone.cycles);
        CHECK(eight.counts.activations == 8 * alone.counts.activations);
        CHECK(eight.bursts() == 800);
    }
}
