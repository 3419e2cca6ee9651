#include <catch2/catch.hpp>

#include <vector>

#include "circuits/circuit_tables.hpp"
#include "circuits/memory/reram_channel.hpp"
#include "src/base/random.hpp"

using namespace attohm;

namespace {

struct Issued {
    ReramRequest request;
    std::int64_t cycle;
};

/// The slow twin: keeps every command and asks of each earlier one when it lets the next through.
class History {
  public:
    explicit History(const ReramOrganisation& o) : o_(o) {}
    void add(const ReramRequest& request, std::int64_t cycle) { all_.push_back({request, cycle}); }

    bool allowed(const ReramRequest& next, std::int64_t cycle) const {
        if (!fits(next)) return false;
        for (const Issued& before : all_)
            if (cycle < lets_through(before, next)) return false;
        return true;
    }

  private:
    static bool is(const ReramRequest& r, ReramCommand command) { return r.command == command; }
    static bool on_bus(const ReramRequest& r) {
        return is(r, ReramCommand::read) || is(r, ReramCommand::write) ||
               is(r, ReramCommand::read_p);
    }
    std::int64_t clocks(const ReramRequest& r) const {
        std::int64_t clocks = 0;
        while (clocks * o_.bus_bits < r.bits) ++clocks;
        return clocks;
    }
    std::int64_t sensing(const ReramRequest& r) const {
        std::int64_t steps = 1;
        if (o_.sequential_mlc_sense)
            for (int i = 1; i < r.cell_bits; ++i) steps = 2 * steps + 1;
        return steps * o_.t_rcd;
    }
    std::int64_t programmed(const Issued& w) const {
        return w.cycle + o_.t_cl + clocks(w.request) + w.request.cycles;
    }

    bool fits(const ReramRequest& next) const {
        const Issued* latched = nullptr;
        bool query = false, vector = false;
        for (const Issued& i : all_) {
            query = query || is(i.request, ReramCommand::copy_q);
            vector = vector || is(i.request, ReramCommand::threshold);
            const bool same_bank = i.request.bank == next.bank;
            if (same_bank && is(i.request, ReramCommand::activate)) latched = &i;
            const bool over = latched != nullptr && same_bank &&
                              is(i.request, ReramCommand::write) &&
                              i.request.subarray == latched->request.subarray &&
                              i.request.row == latched->request.row;
            if (over) latched = nullptr;
        }
        if (is(next, ReramCommand::threshold)) return query;
        if (is(next, ReramCommand::read_p)) return vector;
        if (!is(next, ReramCommand::read)) return true;
        return latched != nullptr && latched->request.subarray == next.subarray &&
               latched->request.row == next.row;
    }

    /// First cycle at which `before` no longer stands in the way.
    std::int64_t lets_through(const Issued& before, const ReramRequest& next) const {
        const ReramRequest& b = before.request;
        std::int64_t cycle = before.cycle + 1;
        const auto wait = [&cycle](bool applies, std::int64_t until) {
            if (applies && until > cycle) cycle = until;
        };
        const bool same_bank = b.bank == next.bank;
        const bool same_subarray = same_bank && b.subarray == next.subarray;
        const bool blocked = o_.write_blocks_bank ? same_bank : same_subarray;
        const bool opens = is(next, ReramCommand::activate), writes = is(next, ReramCommand::write);
        const bool scores = is(next, ReramCommand::threshold);
        wait(on_bus(b) && on_bus(next), before.cycle + clocks(b));
        if (is(b, ReramCommand::activate)) {
            const std::int64_t sensed = before.cycle + sensing(b);
            wait(same_bank && (opens || is(next, ReramCommand::read)), sensed);
            wait(blocked && writes, sensed);
            wait(scores && b.cell_bits > 1, sensed);
        }
        wait(is(b, ReramCommand::read) && opens && same_bank, before.cycle + clocks(b));
        if (is(b, ReramCommand::write)) {
            wait((opens || writes) && blocked, programmed(before));
            wait(scores && b.cell_bits > 1, programmed(before));
        }
        if (is(b, ReramCommand::copy_q))
            wait(scores || is(next, ReramCommand::copy_q), before.cycle + o_.t_cl);
        if (is(b, ReramCommand::threshold))
            wait(scores || is(next, ReramCommand::read_p) ||
                     ((opens || writes) && next.cell_bits > 1),
                 before.cycle + b.cycles);
        wait(is(b, ReramCommand::read_p) && scores, before.cycle + clocks(b));
        return cycle;
    }

    const ReramOrganisation& o_;
    std::vector<Issued> all_;
};

ReramRequest drawn(const Stream& stream, std::uint64_t i, const ReramOrganisation& o) {
    const auto pick = [&](std::uint64_t k, int n) {
        return static_cast<int>(stream.uniform(16 * i + k) * n);
    };
    const ReramCommand commands[] = {
        ReramCommand::activate,  ReramCommand::read,   ReramCommand::write,    ReramCommand::copy_q,
        ReramCommand::threshold, ReramCommand::read_p, ReramCommand::activate, ReramCommand::read};
    ReramRequest r;
    r.command = commands[pick(0, 8)];
    r.bank = pick(1, 2);
    r.subarray = pick(2, 2);
    r.row = pick(3, 2);
    // The second subarray holds multi-level cells.
    r.cell_bits = r.subarray == 1 ? 3 : 1;
    r.bits = 1 + pick(4, static_cast<int>(o.row_cells));
    const bool lasts = r.command == ReramCommand::write || r.command == ReramCommand::threshold;
    r.cycles = lasts ? 1 + pick(5, 60) : 0;
    return r;
}

}  // namespace

TEST_CASE("random ReRAM commands come neither before nor after the earlier ones allow",
          "[property]") {
    for (const char* blocks : {"subarray", "bank"})
        for (const char* sense : {"sequential", "parallel"}) {
            INFO(blocks << " " << sense);
            Settings s = Settings::from_text(*circuit_table("sprint-reram"), "sprint-reram");
            s.overlay_assignment("memory.t_rcd_cycles=5");
            s.overlay_assignment("memory.read_bits_per_cycle_per_channel=16");
            s.overlay_assignment(std::string("memory.write_blocks=") + blocks);
            s.overlay_assignment(std::string("memory.mlc_sense=") + sense);
            const ReramOrganisation o = reram_organisation(s);
            ReramChannel channel(o);
            History history(o);
            const Stream stream(7, Purpose::sampling);
            int issued = 0;
            for (std::uint64_t i = 0; i < 600; ++i) {
                const ReramRequest r = drawn(stream, i, o);
                const std::int64_t ready = channel.earliest(r);
                if (ready == ReramChannel::kNever) {
                    CHECK_FALSE(history.allowed(r, 10'000'000));
                    continue;
                }
                REQUIRE(history.allowed(r, ready));
                if (ready > 0) REQUIRE_FALSE(history.allowed(r, ready - 1));
                const bool late = stream.uniform(16 * i + 8) < 0.5;
                const std::int64_t cycle =
                    ready + (late ? static_cast<int>(stream.uniform(16 * i + 9) * 30) : 0);
                channel.issue(r, cycle);
                history.add(r, cycle);
                ++issued;
            }
            CHECK(issued > 300);
        }
}
