#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/crossbar/fit/fit_bench.hpp"
#include "tests/crossbar/fit/synthetic.hpp"

using namespace attohm;
using namespace attohm::fit;
using namespace attohm::testing;

TEST_CASE("refusals of the fits name row and column", "[unit]") {
    const FitOptions options = options_with_base();
    std::string few = programming_header();
    for (int i = 0; i < 20; ++i) few += fmt::format("0,{},0,10,{},1\n", i, 10.0 + 0.01 * i);
    std::string text = few;
    for (int i = 0; i < 3; ++i) text += fmt::format("0,{},0,20,{},1\n", i, 20.0 + 0.1 * i);
    check_refused({{"p.csv", text}}, options,
                  {"empty or nearly so", "p.csv:22, column `target_uS`", "3 usable readings"});
    check_refused({{"p.csv", few}}, options, {"one level", "p.csv:2", "10 uS only"});
    check_refused({{"p.csv", few + "0,30,0,10,10,5\n"}}, options,
                  {"not of one age", "p.csv:22, column `age_s`", "retention.csv"});
    std::string same = few;
    for (int i = 0; i < 20; ++i) same += fmt::format("0,{},0,20,20,1\n", i);
    check_refused({{"p.csv", same}}, options, {"are equal", "20 times 20 uS"});

    const std::string reads = "chip,row,column,time_s,conductance_uS,integration_time_s\n";
    const auto record = [&](int n, int odd, double t) {
        std::string out = reads;
        for (int i = 0; i < n; ++i)
            out += fmt::format("0,0,0,{:.6f},{},{}\n", 0.001 * i + (i == odd ? 0.0003 : 0.0),
                               10.0 + 0.01 * (i % 7), i == odd ? t : 0.0005);
        return out;
    };
    check_refused({{"r.csv", record(20, -1, 0)}}, options,
                  {"too short", "r.csv:2, column `time_s`", "20 reads of chip 0 row 0 column 0"});
    check_refused({{"r.csv", record(100, 50, 0.0005)}}, options,
                  {"not evenly spaced", "r.csv:52, column `time_s`"});
    check_refused({{"r.csv", record(100, 50, 0.0004)}}, options,
                  {"several lengths", "r.csv:52, column `integration_time_s`"});

    const std::string iv = "chip,row,column,voltage_V,current_A\n";
    check_refused({{"iv.csv", iv + "0,0,0,0.1,1e-6\n0,0,0,0.2,-2e-6\n"}}, options,
                  {"against its voltage", "iv.csv:3, column `current_A`"});
    check_refused({{"iv.csv", iv + "0,0,0,0.1,1e-6\n0,0,0,0.2,2e-6\n"}}, options,
                  {"too short", "iv.csv:2, column `voltage_V`"});
    FitOptions far = options;
    far.v_ref_V = 2.0;
    check_refused({{"iv.csv", iv_csv({}, 1)}}, far, {"v_ref lies outside", "2 V", "0.05 to 0.4 V"});

    const std::string pulses =
        "chip,row,column,pulse,voltage_V,width_ns,conductance_before_uS,"
        "conductance_after_uS\n";
    check_refused({{"w.csv", pulses + "0,0,0,1,1,50,5,6\n0,0,0,3,1,50,6,7\n"}}, options,
                  {"do not count up", "w.csv:3, column `pulse`", "2, or 1"});
    const std::string retention = "chip,row,column,target_uS,temperature_K,age_s,conductance_uS\n";
    check_refused({{"t.csv", retention + "0,0,0,10,300,1,10\n0,0,0,10,300,1,10\n"}}, options,
                  {"twice at one age", "t.csv:3, column `age_s`"});
}
