/* Where the processor begins: stack, variables of zeros, main. And what functions share to keep registers. */
    .section .start, "ax"
    .globl _start
_start:
    lui sp, 0x20
    lui a0, 0x18
    lui a1, %hi(variables_end)
    addi a1, a1, %lo(variables_end)
clear:
    sw zero, 0(a0)
    addi a0, a0, 4
    bltu a0, a1, clear
    j main

/* The compiler calls save_n (return address in t0) where a function begins, and ends with a jump to restore_n: they
   keep ra and the first n of s0..s11. Frames are of one size, so that one row of stores serves all. */
    .macro keep n, register, place
    .globl __riscv_save_\n
__riscv_save_\n:
    sw \register, -4 - 4 * \n(sp)
    .endm

    .macro back n, register
    .globl __riscv_restore_\n
__riscv_restore_\n:
    lw \register, 60 - 4 * \n(sp)
    .endm

    keep 12, s11
    keep 11, s10
    keep 10, s9
    keep 9, s8
    keep 8, s7
    keep 7, s6
    keep 6, s5
    keep 5, s4
    keep 4, s3
    keep 3, s2
    keep 2, s1
    keep 1, s0
    keep 0, ra
    addi sp, sp, -64
    jr t0
    back 12, s11
    back 11, s10
    back 10, s9
    back 9, s8
    back 8, s7
    back 7, s6
    back 6, s5
    back 5, s4
    back 4, s3
    back 3, s2
    back 2, s1
    back 1, s0
    back 0, ra
    addi sp, sp, 64
    ret
