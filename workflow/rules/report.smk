# Stage 8, report: scores -> tables; histories, images and maps -> figures; both -> report.html.
#   scores                       -> tables/{table1_cues,table2_accuracy,table3_wsol}.{csv,md,tex}
#   histories, maps, part maps   -> figures/*.{png,svg}
#   tables, figures              -> report.html
TABLES = ("table1_cues", "table2_accuracy", "table3_wsol")
