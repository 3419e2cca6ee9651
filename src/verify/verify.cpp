#include "src/verify/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.hpp"

namespace attohm {

namespace {

Outcome judge_safely(const Check& check, const Bench& bench) {
    try {
        return check.judge(bench);
    } catch (const std::exception& error) {
        Judge judge;
        judge.refuse("the model", error.what());
        return judge.outcome();
    }
}

std::string line_text(const CheckedLine& line, std::size_t width) {
    const Outcome& outcome = line.outcome;
    const std::string head =
        fmt::format("{:<{}}  {:<4}  ", line.name, width,
                    outcome.verdict == Verdict::absent ? "-" : verdict_name(outcome.verdict));
    if (outcome.verdict == Verdict::absent)
        return head + fmt::format("not in this card: {}\n", outcome.note);
    if (!outcome.note.empty())
        return head + fmt::format("{}: {}\n", outcome.quantity, outcome.note);
    return head +
           fmt::format("{}: {}{}\n", outcome.quantity, judged_text(outcome),
                       outcome.measurements == 1
                           ? ""
                           : fmt::format("; nearest to its limit of {}", outcome.measurements));
}

nlohmann::ordered_json number(double value) {
    if (std::isfinite(value)) return value;
    return nullptr;
}

}  // namespace

int VerifyReport::count(Verdict verdict) const {
    return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const CheckedLine& line) {
        return line.outcome.verdict == verdict;
    }));
}

std::vector<std::string> VerifyReport::failed() const {
    std::vector<std::string> names;
    for (const CheckedLine& line : lines) {
        if (line.outcome.verdict == Verdict::fail) names.push_back(line.name);
    }
    return names;
}

VerifyReport verify_model(const CrossbarModel& model, const Settings& card, std::uint64_t seed) {
    const CardNumbers numbers(card);
    const Bench bench{model, numbers, seed};
    VerifyReport report{model.device.card, seed, {}};
    for (const Check& check : check_table())
        report.lines.push_back({std::string(check.name), judge_safely(check, bench)});
    return report;
}

std::string report_text(const VerifyReport& report) {
    std::size_t width = 0;
    for (const CheckedLine& line : report.lines) width = std::max(width, line.name.size());
    std::string text = fmt::format("card {}, seed {}\n", report.card, report.seed);
    for (const CheckedLine& line : report.lines) text += line_text(line, width);
    const std::vector<std::string> failed = report.failed();
    text += fmt::format("{} passed, {} failed, {} not in this card{}\n",
                        report.count(Verdict::pass), failed.size(), report.count(Verdict::absent),
                        failed.empty() ? "" : fmt::format(": {}", fmt::join(failed, ", ")));
    return text;
}

std::string checks_text() {
    std::string text;
    for (const Check& check : check_table())
        text += fmt::format("{}\n  {}\n  {}\n", check.name, check.help, check.law);
    return text;
}

std::string report_json(const VerifyReport& report) {
    nlohmann::ordered_json checks = nlohmann::ordered_json::array();
    for (const CheckedLine& line : report.lines) {
        const Outcome& outcome = line.outcome;
        nlohmann::ordered_json one = {{"name", line.name}};
        one["verdict"] = outcome.verdict == Verdict::pass   ? "pass"
                         : outcome.verdict == Verdict::fail ? "fail"
                                                            : "not in this card";
        if (outcome.verdict != Verdict::absent) {
            one["quantity"] = outcome.quantity;
            one["measured"] = number(outcome.measured);
            one["expected"] = number(outcome.expected);
            one["band"] = number(outcome.band);
            one["unit"] = outcome.unit;
            one["allowed"] = {number(outcome.demand == Demand::at_most ? 0.0 : outcome.low),
                              number(outcome.high)};
            one["band_from"] = outcome.band_from;
            one["measurements"] = outcome.measurements;
        }
        if (!outcome.note.empty()) one["note"] = outcome.note;
        checks.push_back(std::move(one));
    }
    const nlohmann::ordered_json root = {{"card", report.card},
                                         {"seed", report.seed},
                                         {"passed", report.count(Verdict::pass)},
                                         {"failed", report.count(Verdict::fail)},
                                         {"not_in_this_card", report.count(Verdict::absent)},
                                         {"checks", std::move(checks)}};
    return root.dump(2) + "\n";
}

}  // namespace attohm
