#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "workloads/synth.hpp"

/// The statistics of a trace, counted in double straight from their definitions.
namespace attohm::testing {

/// A trace file that goes away.
class TemporaryTrace {
  public:
    explicit TemporaryTrace(const std::string& name);
    ~TemporaryTrace() { std::filesystem::remove(path_); }
    TemporaryTrace(const TemporaryTrace&) = delete;
    TemporaryTrace& operator=(const TemporaryTrace&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// Means over queries are taken per head (all its samples and windows), then over heads.
struct Counted {
    double kept = 0.0;  ///< of all pairs
    double new_keys = 0.0, effective_keys = 0.0, local_share = 0.0, sink_mass = 0.0;
    double padding = 0.0;
    std::int64_t pairs = 0;
    std::vector<int> lengths;  ///< real tokens of every sample, of its first layer
};
Counted count_trace(const std::string& path, int local_reach, int sinks);

/// Writes a trace and checks that every statistic that was asked for came out within 2 %, that the
/// report says what was counted, and that the trace keeps the format.
void check_as_asked(const SynthSpec& spec);

/// What the refusal of a specification says; "accepted" where there is none.
std::string refusal(const SynthSpec& spec);

/// A named shape with other numbers of layers, heads and samples, and no calibration.
SynthSpec sized(const std::string& shape, int layers, int heads, int samples);

}  // namespace attohm::testing
