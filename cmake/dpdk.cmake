# DPDK, for vhost-user ports only (src/switch/drivers is the one place that knows it). Linked statically and with
# nothing but what rte_vhost needs: a dynamically linked one loads every driver it finds when it starts.
#
# Sets switch_libraries (what room_switch_drivers links), switch_without (files it is built without).
option(BRIDLE_VHOST_USER "vhost-user ports in bridle-switch (needs libdpdk-dev 22.11)" ON)
set(switch_libraries)
set(switch_without)
if(BRIDLE_VHOST_USER)
  find_package(PkgConfig)
  if(PkgConfig_FOUND)
    pkg_check_modules(DPDK QUIET libdpdk>=22.11)
  endif()
  if(NOT DPDK_FOUND)
    message(WARNING "libdpdk 22.11 was not found: bridle-switch is built without vhost-user ports "
      "(apt-get install libdpdk-dev, or -DBRIDLE_VHOST_USER=OFF)")
    set(BRIDLE_VHOST_USER OFF)
  endif()
endif()
if(NOT BRIDLE_VHOST_USER)
  set(switch_without "/(vhost|mbuf|eal)_[a-z_]*\\.cc$")
  return()
endif()
set(switch_without "/eal_seams\\.cc$")

set(parts vhost eal mempool mbuf net ring telemetry kvargs cryptodev dmadev hash pci rcu meter ethdev)
list(TRANSFORM parts PREPEND "-l:librte_")
list(TRANSFORM parts APPEND ".a")
add_library(bridle_dpdk INTERFACE)
target_include_directories(bridle_dpdk SYSTEM INTERFACE ${DPDK_INCLUDE_DIRS})
target_compile_definitions(bridle_dpdk INTERFACE BRIDLE_VHOST_USER)
# What EAL asks of the host, answered by eal_seams.cc instead.
add_library(eal_seams OBJECT switch/drivers/eal_seams.cc)
target_include_directories(eal_seams PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_options(bridle_dpdk INTERFACE -Wl,--wrap=nanosleep -Wl,--wrap=access)
target_link_libraries(bridle_dpdk INTERFACE $<TARGET_OBJECTS:eal_seams>
  -Wl,--whole-archive -l:librte_mempool_ring.a -Wl,--no-whole-archive
  -Wl,--start-group ${parts} -Wl,--end-group numa bsd)
set(switch_libraries bridle_dpdk)
file(GLOB sources "${CMAKE_CURRENT_SOURCE_DIR}/switch/drivers/vhost_*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/switch/drivers/mbuf_*.cc" "${CMAKE_CURRENT_SOURCE_DIR}/switch/drivers/eal_start.cc")
set_source_files_properties(${sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON
  COMPILE_OPTIONS "-include;rte_config.h;-march=corei7;-Wno-volatile;-DALLOW_EXPERIMENTAL_API;-fno-strict-aliasing")
