#pragma once

#include <string>

#include "src/report/group.hpp"

/// Tables of a group as HTML. A table with nothing to say is "".
namespace attohm {

std::string facts_table(const Group& group);       ///< what was run
std::string settings_table(const Group& group);    ///< every point with its main numbers
std::string gains_table(const Group& group);       ///< three baselines, writes, prices; break-even
std::string survey_table(const Group& group);      ///< what a survey asks for, collapsed
std::string bottleneck_table(const Group& group);  ///< of every layer, collapsed
std::string ledger_table(const Group& group);      ///< every line of every plan, collapsed
std::string reads_table(const Group& group);       ///< how arrays were read
std::string events_table(const Group& group);      ///< clips, floors, level errors
std::string numbers_table(const Group& group);     ///< assumed and fitted numbers, settings, notes

/// Every ledger line that two results do not share, with both energies and their ratio.
std::string ledger_difference_table(const Result& a, const Result& b);

}  // namespace attohm
