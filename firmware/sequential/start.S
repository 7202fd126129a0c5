/* Where the processor begins: stack, the base of what is addressed by gp, variables of zeros, main. */
    .section .start, "ax"
    .globl _start
_start:
    lui sp, 0x20
    .option push
    .option norelax
    lui gp, %hi(__global_pointer$)
    addi gp, gp, %lo(__global_pointer$)
    .option pop
    lui a0, 0x18
    lui a1, %hi(variables_end)
    addi a1, a1, %lo(variables_end)
clear:
    sw zero, 0(a0)
    addi a0, a0, 4
    bltu a0, a1, clear
    j main
