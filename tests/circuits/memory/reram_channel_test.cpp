#include "circuits/memory/reram_channel.hpp"

#include <catch2/catch.hpp>

#include "circuits/circuit_tables.hpp"
#include "circuits/reram_memory.hpp"
#include "src/base/error.hpp"

using namespace attohm;

namespace {

Settings table() {
    return Settings::from_text(*circuit_table("sprint-reram"), "sprint-reram");
}

struct Step {
    ReramRequest request;
    std::int64_t cycle;
};

ReramRequest row(ReramCommand command, int bank, std::int64_t subarray, int cell_bits = 1) {
    ReramRequest r;
    r.command = command;
    r.bank = bank;
    r.subarray = subarray;
    r.row = 3;
    r.cell_bits = cell_bits;
    r.bits = 128;
    return r;
}
ReramRequest activate(int bank, std::int64_t subarray, int cell_bits = 1) {
    return row(ReramCommand::activate, bank, subarray, cell_bits);
}
ReramRequest read(int bank, std::int64_t subarray, int cell_bits = 1) {
    return row(ReramCommand::read, bank, subarray, cell_bits);
}
ReramRequest write(int bank, std::int64_t subarray, int cell_bits = 1) {
    ReramRequest r = row(ReramCommand::write, bank, subarray, cell_bits);
    r.cycles = 500;
    return r;
}
ReramRequest copy_q() {
    return row(ReramCommand::copy_q, 0, 0);
}
ReramRequest threshold(std::int64_t cycles) {
    ReramRequest r = row(ReramCommand::threshold, 0, 0);
    r.cycles = cycles;
    return r;
}
ReramRequest read_p() {
    return row(ReramCommand::read_p, 0, 0);
}

ReramChannel after(const ReramOrganisation& o, const std::vector<Step>& steps) {
    ReramChannel channel(o);
    for (const Step& step : steps) channel.issue(step.request, step.cycle);
    return channel;
}

/// Not ready one cycle before `ready`, ready at it.
void probe(const ReramOrganisation& o, const std::vector<Step>& steps, const ReramRequest& request,
           std::int64_t ready) {
    ReramChannel channel = after(o, steps);
    CHECK(channel.earliest(request) == ready);
    CHECK_THROWS_AS(channel.issue(request, ready - 1), InvariantError);
    CHECK_NOTHROW(channel.issue(request, ready));
}

void probe_never(const ReramOrganisation& o, const std::vector<Step>& steps,
                 const ReramRequest& request) {
    ReramChannel channel = after(o, steps);
    CHECK(channel.earliest(request) == ReramChannel::kNever);
    CHECK_THROWS_AS(channel.issue(request, 100000), InvariantError);
}

/// The table's text, changed so that no two distances are the same by chance.
struct Numbers {
    std::int64_t cl = 11, rcd = 17, th = 7, bus = 32;
    std::int64_t burst = 128 / 32;

    Settings settings(const char* blocks = "subarray", const char* sense = "sequential") const {
        Settings s = table();
        s.overlay_assignment("memory.t_cl_cycles=" + std::to_string(cl));
        s.overlay_assignment("memory.t_rcd_cycles=" + std::to_string(rcd));
        s.overlay_assignment("memory.t_ax_th_cycles=" + std::to_string(th));
        s.overlay_assignment("memory.read_bits_per_cycle_per_channel=" + std::to_string(bus));
        s.overlay_assignment(std::string("memory.write_blocks=") + blocks);
        s.overlay_assignment(std::string("memory.mlc_sense=") + sense);
        return s;
    }
};

}  // namespace

TEST_CASE("rows are sensed, read and emptied one after another", "[unit]") {
    const Numbers n;
    const ReramOrganisation o = reram_organisation(n.settings());
    const std::vector<Step> one = {{activate(0, 5), 20}};
    probe(o, one, read(0, 5), 20 + n.rcd);
    // The bank's amplifiers are busy; another bank's are not.
    probe(o, one, activate(0, 6), 20 + n.rcd);
    probe(o, one, activate(1, 5), 21);
    // Rows of 2 and 4 bits per cell: 3 and 15 sense steps, or one on parallel amplifiers.
    for (const int bits : {2, 4}) {
        const std::int64_t steps = (1 << bits) - 1;
        probe(o, {{activate(0, 5, bits), 20}}, read(0, 5, bits), 20 + steps * n.rcd);
        probe(o, {{activate(0, 5, bits), 20}}, activate(0, 6), 20 + steps * n.rcd);
        const ReramOrganisation parallel = reram_organisation(n.settings("subarray", "parallel"));
        probe(parallel, {{activate(0, 5, bits), 20}}, read(0, 5, bits), 20 + n.rcd);
    }
    // The row buffer empties over the bus before the next row may fill it.
    const std::vector<Step> was_read = {{activate(0, 5), 0}, {read(0, 5), 100}};
    probe(o, was_read, activate(0, 6), 100 + n.burst);
    CHECK(after(o, was_read).data_end() == 100 + n.cl + n.burst);
    // What is in the row buffer can be read again, as soon as the bus is free.
    probe(o, was_read, read(0, 5), 100 + n.burst);
    // The bus of a channel: one row after another, whichever bank.
    probe(o, {{activate(0, 5), 0}, {activate(1, 5), 1}, {read(0, 5), 100}}, read(1, 5),
          100 + n.burst);
    probe_never(o, {}, read(0, 5));
    probe_never(o, one, read(0, 6));
    probe_never(o, one, read(1, 5));
}

TEST_CASE("a write blocks its subarray or its bank until it is programmed", "[unit]") {
    const Numbers n;
    const ReramOrganisation o = reram_organisation(n.settings());
    const std::vector<Step> one = {{write(0, 5), 20}};
    const std::int64_t programmed = 20 + n.cl + n.burst + 500;
    probe(o, one, activate(0, 5), programmed);
    probe(o, one, write(0, 5), programmed);
    probe(o, one, activate(0, 6), 21);
    probe(o, one, activate(1, 5), 21);
    probe(o, one, write(0, 6), 20 + n.burst);
    probe(o, one, write(1, 5), 20 + n.burst);
    CHECK(after(o, one).idle_from() == programmed);
    const ReramOrganisation bank = reram_organisation(n.settings("bank"));
    probe(bank, one, activate(0, 6), programmed);
    probe(bank, one, write(0, 6), programmed);
    probe(bank, one, activate(1, 5), 21);
    // A row that is being sensed is not written over, nor read from the buffer after it was.
    probe(o, {{activate(0, 5), 20}}, write(0, 5), 20 + n.rcd);
    probe(o, {{activate(0, 5), 20}}, write(0, 6), 21);
    probe(bank, {{activate(0, 5), 20}}, write(0, 6), 20 + n.rcd);
    probe_never(o, {{activate(0, 5), 20}, {write(0, 5), 60}}, read(0, 5));
    // Data in and data out share the bus.
    probe(o, {{activate(0, 5), 0}, {write(1, 5), 100}}, read(0, 5), 100 + n.burst);
    probe(o, {{activate(0, 5), 0}, {read(0, 5), 100}}, write(1, 5), 100 + n.burst);
}

TEST_CASE("CopyQ obeys only tCL", "[unit]") {
    const Numbers n;
    const ReramOrganisation o = reram_organisation(n.settings());
    probe(o, {{copy_q(), 20}}, copy_q(), 20 + n.cl);
    probe(o, {{copy_q(), 20}}, threshold(n.th), 20 + n.cl);
    // Neither a busy bank, a busy bus, a write nor a thresholding holds it up.
    probe(o, {{activate(0, 5, 4), 20}}, copy_q(), 21);
    probe(o, {{activate(0, 5), 0}, {read(0, 5), 30}}, copy_q(), 31);
    probe(o, {{write(0, 5, 4), 20}}, copy_q(), 21);
    probe(o, {{copy_q(), 0}, {threshold(4 * n.th), 30}}, copy_q(), 31);
}

TEST_CASE("a thresholding takes tAxTh per array read and holds the transposable arrays", "[unit]") {
    const Numbers n;
    const ReramOrganisation o = reram_organisation(n.settings());
    for (const std::int64_t reads : {1, 2, 8}) {
        const std::vector<Step> one = {{copy_q(), 0}, {threshold(reads * n.th), 50}};
        const std::int64_t end = 50 + reads * n.th;
        probe(o, one, read_p(), end);
        probe(o, one, threshold(n.th), end);
        probe(o, one, activate(0, 5, 4), end);
        probe(o, one, write(0, 5, 4), end);
        // Standard cells go on.
        probe(o, one, activate(0, 5), 51);
        probe(o, one, write(0, 5), 51);
        CHECK(after(o, one).idle_from() == end);
    }
    probe_never(o, {}, threshold(n.th));
    probe_never(o, {}, read_p());
    probe_never(o, {{copy_q(), 0}}, read_p());
    // It waits for multi-level rows that are sensed or written, not for single-level ones.
    probe(o, {{copy_q(), 0}, {activate(0, 5, 4), 50}}, threshold(n.th), 50 + 15 * n.rcd);
    probe(o, {{copy_q(), 0}, {write(0, 5, 4), 50}}, threshold(n.th), 50 + n.cl + n.burst + 500);
    probe(o, {{copy_q(), 0}, {activate(0, 5), 50}, {write(1, 5), 51}}, threshold(n.th), 52);
}

TEST_CASE("ReadP is a normal read of the pruning vector", "[unit]") {
    const Numbers n;
    const ReramOrganisation o = reram_organisation(n.settings());
    const std::vector<Step> scored = {{copy_q(), 0}, {threshold(n.th), 50}};
    std::vector<Step> steps = scored;
    steps.push_back({read_p(), 90});
    CHECK(after(o, steps).data_end() == 90 + n.cl + n.burst);
    // The next thresholding overwrites the vector: it waits until that has left.
    probe(o, steps, threshold(n.th), 90 + n.burst);
    // It shares the bus with reads.
    steps = scored;
    steps.insert(steps.begin() + 1, {activate(0, 5), 20});
    steps.push_back({read(0, 5), 90});
    probe(o, steps, read_p(), 90 + n.burst);
}

TEST_CASE("one query's commands take what the machine's closed form says", "[property]") {
    const Settings settings = table();
    const ReramOrganisation o = reram_organisation(settings);
    const ReramMemory memory = reram_memory(settings);
    for (const int reads : {1, 2, 8})
        for (const std::int64_t keys : {8, 384, 4096, 16384}) {
            INFO(reads << " reads, " << keys << " keys");
            ReramChannel channel(o);
            channel.issue(copy_q(), 0);
            const ReramRequest score = threshold(reads * o.t_ax_th);
            channel.issue(score, channel.earliest(score));
            ReramRequest vector = read_p();
            // Keys of one channel; all channels work at the same time.
            vector.bits = (keys + o.channels - 1) / o.channels;
            channel.issue(vector, channel.earliest(vector));
            CHECK(channel.data_end() == memory.threshold_cycles(reads, keys));
        }
}

TEST_CASE("one command per cycle, impossible requests are refused", "[unit]") {
    const ReramOrganisation o = reram_organisation(table());
    probe(o, {{activate(0, 5), 20}}, activate(1, 5), 21);
    ReramChannel channel(o);
    CHECK_THROWS_AS(channel.earliest(activate(o.banks, 0)), InvariantError);
    ReramRequest unprogrammed = write(0, 5);
    unprogrammed.cycles = 0;
    CHECK_THROWS_AS(channel.issue(unprogrammed, 10), InvariantError);
    channel = ReramChannel(o);
    channel.issue(activate(0, 5), 0);
    ReramRequest wide = read(0, 5);
    wide.bits = o.row_cells + 1;
    CHECK_THROWS_AS(channel.issue(wide, 100), InvariantError);
    for (const char* bad : {"memory.t_rcd_cycles=0", "memory.subarrays_per_bank=none",
                            "memory.write_blocks=row", "memory.wear_levelling=some"}) {
        INFO(bad);
        Settings settings = table();
        settings.overlay_assignment(bad);
        CHECK_THROWS_AS(reram_organisation(settings), UserError);
    }
}
