# Everything comes from Debian packages (scripts/setup names them); nothing is downloaded here.
find_package(Boost 1.74 REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(OpenMP REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenBLAS REQUIRED)
if(ATTOHM_TESTS)
    find_package(Catch2 2.13 REQUIRED)
    # The judge of our transforms.
    find_path(FFTW_INCLUDE_DIR fftw3.h REQUIRED)
    find_library(FFTW_LIBRARY fftw3 REQUIRED)
    add_library(attohm_fftw INTERFACE)
    target_include_directories(attohm_fftw SYSTEM INTERFACE ${FFTW_INCLUDE_DIR})
    target_link_libraries(attohm_fftw INTERFACE ${FFTW_LIBRARY})
endif()

find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)

add_library(attohm_hdf5 INTERFACE)
target_include_directories(attohm_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(attohm_hdf5 INTERFACE ${HDF5_C_LIBRARIES})

find_path(DEFLATE_INCLUDE_DIR libdeflate.h REQUIRED)
find_library(DEFLATE_LIBRARY deflate REQUIRED)
add_library(attohm_deflate INTERFACE)
target_include_directories(attohm_deflate SYSTEM INTERFACE ${DEFLATE_INCLUDE_DIR})
target_link_libraries(attohm_deflate INTERFACE ${DEFLATE_LIBRARY})

add_library(attohm_blas INTERFACE)
target_include_directories(attohm_blas SYSTEM INTERFACE ${OpenBLAS_INCLUDE_DIRS})
target_link_libraries(attohm_blas INTERFACE ${OpenBLAS_LIBRARIES})

add_library(attohm_random123 INTERFACE)
target_include_directories(attohm_random123 SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR})
