#pragma once

#include <string>
#include <vector>

#include "src/verify/checks.hpp"

/// The built-in referee: every check of the table on one card.
namespace attohm {

struct CheckedLine {
    std::string name;
    Outcome outcome;
};

struct VerifyReport {
    std::string card;
    std::uint64_t seed = 0;
    std::vector<CheckedLine> lines;

    int count(Verdict verdict) const;
    std::vector<std::string> failed() const;
};

/// Judges a model against the numbers of its card. A check that the model answers with an error
/// has failed, with the error as its note.
/// Args: card: as the file gives it.
VerifyReport verify_model(const CrossbarModel& model, const Settings& card, std::uint64_t seed);

/// One line per check, and a last one that counts.
std::string report_text(const VerifyReport& report);
std::string report_json(const VerifyReport& report);

/// Every check: its name, what it compares, by which law.
std::string checks_text();

}  // namespace attohm
