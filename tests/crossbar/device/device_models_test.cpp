#include "crossbar/device/device_models.hpp"

#include <set>

#include "tests/crossbar/device/parts_fixture.hpp"

using namespace attohm;
using namespace attohm::testing;
using Catch::Contains;

namespace {

/// A card with every section there is.
const std::string kEverything =
    "validity: {conductance_uS: [5, 95], age_s: [1, 1e6], temperature_K: [250, 400], read_V: [0, "
    "0.4]}\n"
    "programming: {law: polynomial, sigma_uS_coefficients: [1], measured_at_s: 1}\n"
    "verify: {window_uS: 1, pulse_step_uS: 2, pulse_sigma_uS: 0.5, pulses_max: 80, "
    "read_sigma_rel: 0.003, endurance_cycles: none}\n"
    "relaxation: {law: log-time, mean_uS_per_ln_coefficients: [0], sigma_uS_coefficients: [1], "
    "sigma_uS_per_ln_coefficients: [0.1]}\n"
    "temperature: {reference_K: 300, crossover_uS: 30, alpha_per_K: -0.001, activation_eV: 0.05}\n"
    "read_noise: {sigma_rel: 0.01, sigma_abs_uS: 0, integration_time_ns: 10}\n"
    "slow_noise: {amplitude_rel2: 1e-6, exponent: 1, f_low_Hz: 1, f_high_Hz: 1e6}\n"
    "telegraph: {traps_mean: 1, step_median_rel: 0.01, step_sigma_ln: 0.5, rate_low_Hz: 1, "
    "rate_high_Hz: 1e6, occupancy: 0.5}\n"
    "stuck: {low_rate: 0.01, low_resistance_ohm: 1e4, high_rate: 0.02, high_resistance_ohm: 1e6, "
    "spatial: independent}\n"
    "iv: {law: sinh, v_ref_V: 0.2, v0_V: 0.3}\n"
    "selector: {law: resistance, r_on_ohm: 1000}\n";

Settings without(const Settings& card, const std::string& key) {
    std::string text;
    for (const std::string& other : card.keys()) {
        if (other == key) continue;
        const SettingsEntry& entry = card.entry(other);
        const std::string values = fmt::format("{}", fmt::join(entry.values, ", "));
        text += other + ": " + (entry.is_list ? "[" + values + "]" : values) + "\n";
    }
    return Settings::from_text(text, "test.yaml");
}

std::string complaint_of(const Settings& card) {
    try {
        load_device(device_experiment("test"), card, "test");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

DeviceModel model_of(const std::string_view name) {
    return find_device_model(name);
}

}  // namespace

TEST_CASE("the table of device models is whole", "[property]") {
    const std::vector<DeviceModel>& table = device_model_table();
    CHECK_NOTHROW(check_device_models(table));
    std::set<std::string_view> names;
    for (const DeviceModel& model : table) names.insert(model.name);
    for (const char* name :
         {"conductance", "validity", "programming-polynomial", "programming-table",
          "programming-log-normal", "write-verify", "relaxation-log-time", "relaxation-power",
          "temperature", "white-noise", "1/f", "rtn", "stuck", "iv-sinh", "iv-polynomial",
          "iv-table", "selector-resistance", "selector-exponential", "write"}) {
        CAPTURE(name);
        CHECK(names.contains(name));
    }
    CHECK_THROWS_WITH(find_device_model("tempereture"), Contains("did you mean temperature?"));
}

TEST_CASE("a duplicate or incomplete model throws", "[unit]") {
    const DeviceModel good = model_of("temperature");
    CHECK_NOTHROW(check_device_models(std::vector{good, model_of("stuck")}));
    const auto refused = [&](DeviceModel bad) {
        CHECK_THROWS_AS(check_device_models(std::vector{bad}), InvariantError);
    };
    CHECK_THROWS_AS(check_device_models(std::vector{good, good}), InvariantError);
    // The same section under another name would be read twice.
    DeviceModel twin = good;
    twin.name = "temperature-again";
    CHECK_THROWS_WITH(check_device_models(std::vector{good, twin}), Contains("same section"));
    const auto with = [&](auto change) {
        DeviceModel bad = good;
        change(bad);
        refused(bad);
    };
    with([](DeviceModel& m) { m.name = ""; });
    with([](DeviceModel& m) { m.section = ""; });
    with([](DeviceModel& m) { m.help = ""; });
    with([](DeviceModel& m) { m.source = ""; });
    with([](DeviceModel& m) { m.equations.clear(); });
    with([](DeviceModel& m) { m.parameters.clear(); });
    with([](DeviceModel& m) { m.not_modelled.clear(); });
    with([](DeviceModel& m) { m.parameters[0].unit = ""; });
    with([](DeviceModel& m) { m.parameters[0].range = ""; });
    with([](DeviceModel& m) { m.parameters[0].help = ""; });
    with([](DeviceModel& m) { m.parameters[0].key = "verify.window_uS"; });
    with([](DeviceModel& m) { m.parameters.push_back(m.parameters[0]); });
}

TEST_CASE("every key of every card belongs to one model of the card", "[property]") {
    std::vector<Settings> cards = {Settings::from_text(kFrame + kEverything, "test.yaml")};
    for (const std::string& name : device_card_names()) cards.push_back(device_card(name));
    for (const Settings& card : cards) {
        std::multiset<std::string_view> told;
        for (const DeviceModel* model : models_of_card(card)) {
            for (const DeviceModelParameter& parameter : model->parameters)
                told.insert(parameter.key);
        }
        for (const std::string& key : card.keys()) {
            CAPTURE(key, card.entry(key).where);
            CHECK(told.count(key) == 1);
        }
    }
}

TEST_CASE("a card with every section loads, and lacks none of its keys", "[property]") {
    const Settings card = Settings::from_text(kFrame + kEverything, "test.yaml");
    const Device device = load_device(device_experiment("test"), card, "test");
    CHECK(device.relaxation);
    CHECK(device.verify);
    CHECK(device.temperature_law);
    CHECK_FALSE(device.slow_noise.none());
    CHECK_FALSE(device.telegraph.none());
    CHECK_FALSE(device.cell.is_linear());
    REQUIRE(card.keys().size() > 50);
    for (const std::string& key : card.keys()) {
        CAPTURE(key);
        // Taking any key away is an error that names it.
        CHECK_THAT(complaint_of(without(card, key)), Contains(key));
    }
    // So is a key more, in every section.
    for (const DeviceModel& model : device_model_table()) {
        if (!has_section(card, model.section)) continue;
        const std::string key = std::string(model.section) + ".extra";
        Settings more = without(card, "");
        more.extend(Settings::from_text(key + ": 1\n", "more.yaml"));
        CAPTURE(key);
        CHECK_THAT(complaint_of(more), Contains(key));
    }
    CHECK_THAT(complaint("ageing: {law: none}\n"), Contains("ageing.law"));
}

TEST_CASE("the validity of a card holds its levels", "[unit]") {
    const auto validity = [](const std::string& g, const std::string& t) {
        return "validity: {conductance_uS: " + g + ", age_s: [0, 1], temperature_K: " + t +
               ", read_V: [0, 0.3]}\n";
    };
    const Device device = device_of(validity("[10, 90]", "[300, 300]"));
    CHECK_NOTHROW(device.validity.require_read(Volt::from_value(-0.3), "drive.v_read_V"));
    CHECK_THROWS_WITH(device.validity.require_read(Volt::from_value(-0.31), "drive.v_read_V"),
                      Contains("drive.v_read_V") && Contains("0 to 0.3 V"));
    CHECK_NOTHROW(device.validity.require_age(Second::from_value(0.5)));
    CHECK_THROWS_AS(device.validity.require_age(Second::from_value(2.0)), UserError);
    CHECK_NOTHROW(device_of("").validity.require_age(Second::from_value(1e9)));
    CHECK_THAT(complaint(validity("[11, 90]", "[300, 300]")), Contains("levels outside"));
    CHECK_THAT(complaint(validity("[10, 89]", "[300, 300]")), Contains("levels outside"));
    CHECK_THAT(complaint(validity("[90, 10]", "[300, 300]")), Contains("not an interval"));
    CHECK_THAT(complaint(validity("[10, 90]", "[300]")), Contains("validity.temperature_K"));
}

TEST_CASE("a ceiling lies above the highest level", "[unit]") {
    const auto card = [](const std::string& ceiling) {
        Settings frame = Settings::from_text(kFrame, "test.yaml");
        frame.overlay_assignment("conductance.g_ceil_uS=" + ceiling);
        return frame;
    };
    CHECK(complaint_of(card("90")).empty());
    CHECK_THAT(complaint_of(card("89")), Contains("ceiling lies below"));
    const Device device = load_device(device_experiment("test"), card("120"), "test");
    CHECK(device.g_ceiling->value() == Approx(120e-6));
    CHECK_FALSE(device_of("").g_ceiling);
}
