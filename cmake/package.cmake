# The Debian package (docs/packages.md): what is installed where, and CPack's settings. Man pages and completion
# are made from the programs themselves when the target `package_files` is built (tools/package).
include(GNUInstallDirs)
set(programs lib/bridle)
set(made "${CMAKE_BINARY_DIR}/package")
set(packaging "${CMAKE_SOURCE_DIR}/packaging")

configure_file(${packaging}/lab/bridle-lab ${CMAKE_BINARY_DIR}/bin/bridle-lab COPYONLY)

add_custom_target(package_files
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}
  COMMAND ${packaging}/make-man ${CMAKE_BINARY_DIR}/bin ${made}/man
  COMMAND ${packaging}/make-completion ${CMAKE_BINARY_DIR}/bin ${made}/completion
  COMMAND gzip -9n -r ${made}/man
  COMMAND sh -c "gzip -9nc '${packaging}/debian/changelog' >'${made}/changelog.gz'"
  DEPENDS bridle bridled bridle-jail bridle-supervise bridle-switch VERBATIM)

install(TARGETS bridle RUNTIME DESTINATION bin)
install(TARGETS bridled bridle-jail bridle-supervise bridle-image-helper bridle-switch
  RUNTIME DESTINATION ${programs})
install(PROGRAMS ${packaging}/lab/bridle-lab DESTINATION ${programs})
foreach(bench ${BRIDLE_BENCHES})
  install(PROGRAMS "${CMAKE_BINARY_DIR}/bin/bridle-bench-${bench}" DESTINATION ${programs})
endforeach()
if(TARGET bridle-switch-generator)
  install(TARGETS bridle-switch-generator RUNTIME DESTINATION ${programs})
endif()
install(PROGRAMS ${packaging}/systemd/bridle-guests DESTINATION ${programs})
install(FILES ${packaging}/systemd/bridle.service ${packaging}/systemd/bridle-guests.service
  ${packaging}/systemd/bridle.slice DESTINATION /lib/systemd/system)
install(FILES ${packaging}/sysusers.conf DESTINATION lib/sysusers.d RENAME bridle.conf)
install(FILES ${packaging}/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME bridle.conf)
install(DIRECTORY ${made}/man/ DESTINATION share/man)
install(FILES ${made}/completion/bridle DESTINATION share/bash-completion/completions)
install(FILES ${made}/completion/_bridle DESTINATION share/zsh/vendor-completions)
install(FILES ${packaging}/debian/copyright ${made}/changelog.gz DESTINATION share/doc/bridle)
install(FILES ${packaging}/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME bridle)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/examples DESTINATION share/doc/bridle)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bridle)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR OFF)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
  GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_OUTPUT_FILE_PREFIX ${CMAKE_BINARY_DIR})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The Bridle authors <maintainers@bridle.invalid>")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "guests on QEMU/KVM that hold their own security
Bridle runs guests on unmodified QEMU, each confined by namespaces, cgroups,
system call filters and a user of its own, declared as objects and kept as
declared. Every act is in a signed ledger that anyone can verify.
.
Start a small lab with: bridle up")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "qemu-system-x86 (>= 1:10), qemu-utils (>= 1:10), xorriso, zstd, e2fsprogs, kmod, procps")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ovmf, swtpm, python3, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${packaging}/debian/postinst ${packaging}/debian/prerm
  ${packaging}/debian/postrm)
include(CPack)
