#include <catch2/catch.hpp>

#include <limits>
#include <vector>

#include "circuits/memory/dram_channel.hpp"
#include "src/base/random.hpp"
#include "tests/circuits/memory/dram_text.hpp"

using namespace attohm;
using attohm::test::DramText;

namespace {

struct Issued {
    DramCommand command;
    DramAddress at;
    std::int64_t cycle;
};

/// The slow twin: keeps every command and looks at all pairs of the last ones by the table's text.
class History {
  public:
    explicit History(const DramText& text) : text_(text) {}
    void add(const Issued& issued) { all_.push_back(issued); }

    bool allowed(const Issued& next) const {
        if (!fits(next)) return false;
        for (const Issued& before : all_)
            if (next.cycle - before.cycle < distance(before, next)) return false;
        return next.command != DramCommand::activate || four_window(next.cycle);
    }

  private:
    static bool same_group(const Issued& a, const Issued& b) { return a.at.group == b.at.group; }
    static bool same_bank(const Issued& a, const Issued& b) {
        return same_group(a, b) && a.at.bank == b.at.bank;
    }
    static bool is_column(const Issued& i) {
        return i.command == DramCommand::read || i.command == DramCommand::write;
    }

    /// Row that the commands before `cycle` left open in the bank, -1 if none.
    std::int64_t row(const DramAddress& at,
                     std::int64_t cycle = std::numeric_limits<std::int64_t>::max()) const {
        std::int64_t row = -1;
        for (const Issued& i : all_) {
            if (i.cycle >= cycle) break;
            const bool here = i.at.group == at.group && i.at.bank == at.bank;
            if (i.command == DramCommand::activate && here) row = i.at.row;
            if (i.command == DramCommand::precharge && here) row = -1;
            if (i.command == DramCommand::precharge_all) row = -1;
        }
        return row;
    }

    bool any_open() const {
        for (const Issued& i : all_)
            if (i.command == DramCommand::activate && row(i.at) >= 0) return true;
        return false;
    }

    bool fits(const Issued& next) const {
        switch (next.command) {
            case DramCommand::activate:
                return row(next.at) < 0;
            case DramCommand::precharge:
                return row(next.at) >= 0;
            case DramCommand::precharge_all:
                return any_open();
            case DramCommand::refresh:
                return !any_open();
            default:
                return row(next.at) == next.at.row;
        }
    }

    /// Whether `before` closed the bank that `next` opens, or any bank a refresh needs closed.
    bool closes(const Issued& before, const Issued& next) const {
        const bool refresh = next.command == DramCommand::refresh;
        if (before.command == DramCommand::precharge) return refresh || same_bank(before, next);
        if (before.command != DramCommand::precharge_all) return false;
        return refresh || row(next.at, before.cycle) >= 0;
    }

    std::int64_t distance(const Issued& before, const Issued& next) const {
        const bool one_bus = text_.number("command_buses") == 1;
        std::int64_t d = one_bus || is_column(before) == is_column(next) ? 1 : 0;
        const auto need = [&d](bool applies, std::int64_t cycles) {
            if (applies) d = std::max(d, cycles);
        };
        const bool act_before = before.command == DramCommand::activate;
        if (next.command == DramCommand::activate) {
            need(act_before && same_bank(before, next), text_.t("ras") + text_.t("rp"));
            need(act_before && same_group(before, next), text_.t("rrd_l"));
            need(act_before, text_.t("rrd_s"));
            need(closes(before, next), text_.t("rp"));
            need(before.command == DramCommand::refresh, text_.t("rfc"));
        } else if (next.command == DramCommand::refresh) {
            need(closes(before, next), text_.t("rp"));
            need(before.command == DramCommand::refresh, text_.t("rfc"));
        } else if (is_column(next)) {
            need(act_before && same_bank(before, next), text_.t("rcd"));
            if (is_column(before)) column(before, next, d);
        } else {
            precharge(before, next, d);
        }
        return d;
    }

    void column(const Issued& before, const Issued& next, std::int64_t& d) const {
        const bool l = same_group(before, next);
        if (before.command == next.command)
            d = std::max(d, text_.spacing(l));
        else if (before.command == DramCommand::read)
            d = std::max(
                d, text_.t("cl") + text_.burst() + text_.t("bus_turnaround") - text_.t("cwl"));
        else
            d = std::max(d, text_.t("cwl") + text_.burst() + text_.t(l ? "wtr_l" : "wtr_s"));
    }

    void precharge(const Issued& before, const Issued& next, std::int64_t& d) const {
        const bool all = next.command == DramCommand::precharge_all;
        // Banks that are closed already do not hold up a precharge of all.
        if (!(all ? row(before.at) >= 0 : same_bank(before, next))) return;
        if (before.command == DramCommand::activate) d = std::max(d, text_.t("ras"));
        if (before.command == DramCommand::read) d = std::max(d, text_.t("rtp"));
        if (before.command == DramCommand::write)
            d = std::max(d, text_.t("cwl") + text_.burst() + text_.t("wr"));
    }

    bool four_window(std::int64_t cycle) const {
        int inside = 0;
        for (const Issued& i : all_)
            inside += i.command == DramCommand::activate && cycle - i.cycle < text_.t("faw");
        return inside < 4;
    }

    const DramText& text_;
    std::vector<Issued> all_;
};

}  // namespace

TEST_CASE("random commands come neither before nor after all pairs allow", "[property]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramText text(name);
        const DramTable table = dram_table(name, "test");
        const int groups = static_cast<int>(text.number("bank_groups"));
        const int per_group = static_cast<int>(text.number("banks_per_group"));
        DramChannel channel(table);
        History history(text);
        const Stream stream(3, Purpose::sampling);
        const DramCommand commands[] = {DramCommand::activate, DramCommand::read,
                                        DramCommand::write,    DramCommand::precharge,
                                        DramCommand::activate, DramCommand::read,
                                        DramCommand::write,    DramCommand::activate,
                                        DramCommand::refresh,  DramCommand::precharge_all};
        int compared = 0, issued = 0;
        for (std::uint64_t i = 0; i < 6000 && issued < 400; ++i) {
            const auto pick = [&](std::uint64_t k, int n) {
                return static_cast<int>(stream.uniform(8 * i + k) * n);
            };
            const DramCommand command = commands[pick(0, 10)];
            const DramAddress at{pick(1, groups), pick(2, per_group), pick(3, 2), 0};
            const std::int64_t ready = channel.earliest(command, at);
            if (ready == DramChannel::kNever) {
                CHECK_FALSE(history.allowed({command, at, 1'000'000}));
                continue;
            }
            ++compared;
            REQUIRE(history.allowed({command, at, ready}));
            if (ready > 0) REQUIRE_FALSE(history.allowed({command, at, ready - 1}));
            // Rare closing commands, so that banks stay busy; otherwise as early as possible.
            const bool closes =
                command == DramCommand::precharge_all || command == DramCommand::refresh;
            if (closes && pick(4, 8) != 0) continue;
            const std::int64_t cycle = ready + (pick(5, 2) == 0 ? 0 : pick(6, 12));
            channel.issue(command, at, cycle);
            history.add({command, at, cycle});
            ++issued;
        }
        CHECK(issued >= 300);
        CHECK(compared > issued);
    }
}
