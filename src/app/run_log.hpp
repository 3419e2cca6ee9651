#pragma once

#include <chrono>
#include <string>

namespace attohm {

/// What belongs beside a result and never into it: threads, host, paths, dates, durations.
class RunLog {
  public:
    RunLog();
    /// Writes JSON; a log that cannot be written is not worth failing for.
    void write(const std::string& path) const;

  private:
    std::chrono::steady_clock::time_point start_;
    std::string started_utc_;
};

}  // namespace attohm
