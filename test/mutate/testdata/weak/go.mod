module weakly.example

go 1.26
