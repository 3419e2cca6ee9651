#include "src/app/run_log.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "src/base/blas.hpp"
#include "src/base/parallel.hpp"
#include "src/base/version.hpp"

namespace attohm {

RunLog::RunLog()
    : start_(std::chrono::steady_clock::now()),
      started_utc_(fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))) {}

void RunLog::write(const std::string& path) const {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    nlohmann::ordered_json log;
    log["version"] = version();
    log["started_utc"] = started_utc_;
    log["elapsed_s"] = elapsed.count();
    log["threads"] = threads();
    log["host"] = host.data();
    log["blas_core"] = blas_core_type();
    std::ofstream(path) << log.dump(2) << '\n';
}

}  // namespace attohm
